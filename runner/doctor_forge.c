/* The coordinators of the configuration: reachable, and each token valid. */
#include "runner/doctor.h"

#include "base/fd.h"
#include "runner/courier_ask.h"
#include "runner/system_id.h"

#include <fcntl.h>

static void ask(struct doctor *d, const struct config_runner *r, const char *system_id)
{
	struct courier_oneshot q = {
		.verb = "verify",
		.url = r->url,
		.token = r->token,
		.system_id = system_id,
		.shell = r->shell,
		.ca_file = r->tls_ca_file,
		.cert_file = r->tls_cert_file,
		.key_file = r->tls_key_file,
		.proxy = r->proxy,
		.no_proxy = r->no_proxy,
	};
	struct courier_said said;
	struct err e = { 0 };
	if (courier_ask(d->config, &q, &said, &e) < 0)
		doctor_say(d, "forge", DOCTOR_WARN, "%s: %s", r->name, e.msg);
	else if (said.ok)
		doctor_say(d, "forge", DOCTOR_OK, "%s: %s answers, the token is valid", r->name,
			   r->url);
	else
		doctor_say(d, "forge", DOCTOR_WARN, "%s: %s: %s", r->name, r->url, said.text);
	courier_said_done(&said);
}

void doctor_forges(struct doctor *d)
{
	char system_id[SYSTEM_ID_SIZE] = "r_doctor000000";
	struct err e = { 0 };
	if (!d->config)
		return;
	autofd dir = open(d->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0 && system_id_load(dir, system_id, &e) < 0)
		doctor_say(d, "state", DOCTOR_WARN, "%s", e.msg);
	for (size_t i = 0; i < d->config->nrunners; i++)
		ask(d, &d->config->runners[i], system_id);
	if (d->config->nrunners == 0)
		doctor_say(d, "forge", DOCTOR_WARN, "no registration: \"courser register\"");
}
