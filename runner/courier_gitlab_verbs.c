/* GitLab in the courier: what the command line asks. */
#include "runner/courier_gitlab.h"

#include "base/str.h"
#include "protocol/gitlab_reply.h"

#include <errno.h>
#include <string.h>

static struct gitlab_runner asker(const struct courier_oneshot *o, const char *url)
{
	return (struct gitlab_runner){ url, o->token, o->system_id, o->shell, "" };
}

static int build_verify(const struct courier_oneshot *o, const char *url, struct forge_request *ret,
			struct err *e)
{
	struct gitlab_runner g = asker(o, url);
	return gitlab_verify(&g, ret, e);
}

static int build_register(const struct courier_oneshot *o, const char *url,
			  struct forge_request *ret, struct err *e)
{
	struct gitlab_runner g = asker(o, url);
	struct gitlab_registration r = {
		.description = o->description,
		.tags = o->tags,
		.maintenance_note = o->maintenance_note,
		.access_level = o->access_level,
		.maximum_timeout = o->maximum_timeout,
		.run_untagged = o->run_untagged,
		.locked = o->locked,
		.paused = o->paused,
	};
	return gitlab_register(&g, &r, ret, e);
}

static int build_unregister(const struct courier_oneshot *o, const char *url,
			    struct forge_request *ret, struct err *e)
{
	struct gitlab_runner g = asker(o, url);
	return gitlab_unregister(&g, false, ret, e);
}

static int build_unregister_manager(const struct courier_oneshot *o, const char *url,
				    struct forge_request *ret, struct err *e)
{
	struct gitlab_runner g = asker(o, url);
	return gitlab_unregister(&g, true, ret, e);
}

static int build_reset(const struct courier_oneshot *o, const char *url, struct forge_request *ret,
		       struct err *e)
{
	struct gitlab_runner g = asker(o, url);
	return gitlab_reset_token(&g, ret, e);
}

static int read_verified(const struct http_reply *r, struct forge_identity *ret, struct err *e)
{
	return gitlab_identity_read(r, 200, ret, e);
}

static int read_gone(const struct http_reply *r, struct forge_identity *ret, struct err *e)
{
	return gitlab_identity_read(r, 204, ret, e);
}

static int read_reset(const struct http_reply *r, struct forge_identity *ret, struct err *e)
{
	return gitlab_identity_read(r, 201, ret, e);
}

/* A yes without the runner's id is none. */
static int named(int read, const struct forge_identity *id, struct err *e)
{
	return read == 0 && !id->id ? err_set(e, EPROTO, "the answer names no runner") : read;
}

static int read_registered(const struct http_reply *r, struct forge_identity *ret, struct err *e)
{
	return named(gitlab_identity_read(r, 201, ret, e), ret, e);
}

static int read_known(const struct http_reply *r, struct forge_identity *ret, struct err *e)
{
	return named(gitlab_identity_read(r, 200, ret, e), ret, e);
}

static const struct forge_verb verbs[] = {
	{ "verify", build_verify, read_verified },
	{ "register", build_register, read_registered },
	{ "unregister", build_unregister, read_gone },
	{ "unregister-manager", build_unregister_manager, read_gone },
	{ "reset", build_reset, read_reset },
	/* a runner that was made in the web interface: its token is checked, its record on this
	 * machine removed */
	{ "register", build_verify, read_known },
	{ "unregister", build_unregister_manager, read_gone },
};

enum { PLAIN_VERBS = 5 };

const struct forge_verb *gitlab_verb(const char *name, const char *token)
{
	bool made = str_starts(token, "glrt-");
	const struct forge_verb *found = NULL;
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].name, name) == 0 && (i < PLAIN_VERBS || made))
			found = &verbs[i];
	return found;
}
