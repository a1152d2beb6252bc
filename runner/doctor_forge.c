/* The coordinators of the configuration: reachable, and each token valid. */
#include "runner/doctor.h"

#include "base/fd.h"
#include "runner/courier_ask.h"
#include "runner/system_id.h"

#include <fcntl.h>

static void ask(struct doctor *d, const struct config_runner *r, const char *system_id)
{
	struct arena a = ARENA(1 << 20);
	struct courier_oneshot q;
	struct courier_said said = { 0 };
	struct err e = { 0 };
	int made = courier_question("verify", r, &a, &q, &e);
	q.system_id = system_id;
	if (made < 0 || courier_ask(d->config, &q, &said, &e) < 0)
		doctor_say(d, "forge", DOCTOR_WARN, "%s: %s", r->name, e.msg);
	else if (said.ok)
		doctor_say(d, "forge", DOCTOR_OK, "%s: %s answers, the token is valid", r->name,
			   r->url);
	else
		doctor_say(d, "forge", DOCTOR_WARN, "%s: %s: %s", r->name, r->url, said.text);
	courier_said_done(&said);
	arena_done(&a);
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
