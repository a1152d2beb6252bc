#include "executor/fetch.h"

#include "base/fd.h"

#include <stdio.h>
#include <sys/stat.h>

struct fault_row {
	const char *name, *advice;
};

static const struct fault_row faults[SOURCES_FAULTS] = {
	[SOURCES_OK] = { "ok", "" },
	[SOURCES_CONFIG] = { "configuration", "Correct what the job asks for and run it again." },
	[SOURCES_AUTH] = { "authentication",
			   "The server refused the job's token: check that the job may read this "
			   "repository (CI/CD job token allow-list, project visibility)." },
	[SOURCES_NOT_FOUND] = { "not found",
				"The repository or the commit is not on the server (any more): "
				"if the branch was force-pushed or deleted, run a new pipeline." },
	[SOURCES_NETWORK] = { "network", "The server could not be reached from this machine: check "
					 "its address, "
					 "DNS, proxy and certificates, then retry." },
	[SOURCES_TIMEOUT] = { "timeout", "The transfer took too long or stood still: retry, or "
					 "look at the load "
					 "of the server." },
	[SOURCES_PROTOCOL] = { "protocol",
			       "The server did not answer as a git server does: check the address "
			       "and whatever stands between." },
	[SOURCES_DISK] = { "disk", "Make room or correct permissions on the runner's machine." },
	[SOURCES_CORRUPT] = { "damaged objects",
			      "Retry; if it fails again the repository itself is damaged: run git "
			      "fsck on the server." },
	[SOURCES_HOSTILE] = { "refused content",
			      "The commit holds a path that no checkout may create: remove it from "
			      "the repository." },
	[SOURCES_CANCELLED] = { "cancelled", "" },
	[SOURCES_INTERNAL] = { "internal", "Retry, and report it if it fails again." },
};

const char *sources_fault_name(enum sources_fault f)
{
	return faults[f < SOURCES_FAULTS ? f : SOURCES_INTERNAL].name;
}

const char *sources_fault_advice(enum sources_fault f)
{
	return faults[f < SOURCES_FAULTS ? f : SOURCES_INTERNAL].advice;
}

void fetch_put(struct msg *m, const struct fetch_request *r)
{
	msg_init(m, FETCH_GET);
	msg_put_u32(m, r->own);
	msg_put_u32(m, r->force);
	msg_put_u32(m, r->depth);
	msg_put_u32(m, r->timeout_s);
	msg_put_str(m, r->url);
	msg_put_str(m, r->user);
	msg_put_str(m, r->token);
	msg_put_str(m, r->sha);
	msg_put_str(m, r->object_format);
	msg_put_u32(m, (uint32_t)r->nrefspecs);
	for (size_t i = 0; i < r->nrefspecs; i++)
		msg_put_str(m, r->refspecs[i]);
}

int fetch_get(struct msg *m, struct arena *a, struct fetch_request *ret, struct err *e)
{
	struct fetch_request r = { .own = msg_get_u32(m) != 0 };
	r.force = msg_get_u32(m) % (FETCH_REBUILD + 1);
	r.depth = msg_get_u32(m);
	r.timeout_s = msg_get_u32(m);
	r.url = msg_get_str(m);
	r.user = msg_get_str(m);
	r.token = msg_get_str(m);
	r.sha = msg_get_str(m);
	r.object_format = msg_get_str(m);
	r.nrefspecs = msg_get_u32(m);
	if (r.nrefspecs > FETCH_REFSPECS_MAX)
		return err_set(e, E2BIG, "%zu refspecs, at most %d", r.nrefspecs,
			       FETCH_REFSPECS_MAX);
	const char **specs = arena_array(a, r.nrefspecs + 1, sizeof *specs, e);
	if (!specs)
		return -1;
	for (size_t i = 0; i < r.nrefspecs; i++)
		specs[i] = msg_get_str(m);
	r.refspecs = specs;
	if (msg_end(m, e) < 0)
		return -1;
	*ret = r;
	return 0;
}

void fetch_put_done(struct msg *m, const struct fetch_result *r)
{
	msg_init(m, FETCH_DONE);
	msg_put_u32(m, r->requests);
	msg_put_u32(m, r->hit);
	msg_put_u64(m, r->bytes);
	msg_put_str(m, r->engine);
	msg_put_str(m, r->note);
	msg_put_u32(m, r->store >= 0);
	msg_put_fd(m, r->refs);
	if (r->store >= 0)
		msg_put_fd(m, r->store);
}

int fetch_get_done(struct msg *m, struct fetch_result *ret, struct err *e)
{
	struct fetch_result r = FETCH_RESULT;
	r.requests = msg_get_u32(m);
	r.hit = msg_get_u32(m) != 0;
	r.bytes = msg_get_u64(m);
	snprintf(r.engine, sizeof r.engine, "%s", msg_get_str(m));
	snprintf(r.note, sizeof r.note, "%s", msg_get_str(m));
	bool stored = msg_get_u32(m) != 0;
	autofd refs = msg_get_fd(m);
	autofd store = stored ? msg_get_fd(m) : -1;
	if (msg_end(m, e) < 0)
		return -1;
	r.refs = fd_take(&refs);
	r.store = fd_take(&store);
	*ret = r;
	return 0;
}

int fetch_objects(int mirror, struct err *e)
{
	autofd fd = fd_mkdir_open(mirror, "objects", 0755, e);
	struct stat dir, objects;
	if (fd < 0)
		return -1;
	if (fstat(mirror, &dir) < 0 || fstat(fd, &objects) < 0)
		return err_sys(e, "objects");
	if ((dir.st_uid != objects.st_uid || dir.st_gid != objects.st_gid) &&
	    fchown(fd, dir.st_uid, dir.st_gid) < 0)
		return err_sys(e, "objects: owner");
	return fd_take(&fd);
}
