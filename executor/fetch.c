#include "executor/fetch.h"

#include "base/fd.h"
#include "base/layout.h"

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

#define F(kind, name) LAYOUT_FIELD(kind, struct fetch_request, name)
static const struct layout request = LAYOUT(struct fetch_request, F(U32, whose), F(U32, force),
					    F(U32, depth), F(U32, timeout_s), F(U32, want),
					    F(STR, url), F(STR, user), F(STR, token), F(STR, sha),
					    F(STR, object_format), F(STR, ref));
#undef F

#define F(kind, name) LAYOUT_FIELD(kind, struct fetch_result, name)
static const struct layout result = LAYOUT(
	struct fetch_result, F(U32, requests), F(BOOL, hit), F(U64, bytes),
	LAYOUT_FIELD_TEXT(struct fetch_result, engine),
	LAYOUT_FIELD_TEXT(struct fetch_result, note), LAYOUT_FIELD_TEXT(struct fetch_result, sha),
	LAYOUT_FIELD_TEXT(struct fetch_result, ref), F(FD, refs), F(FD, store));
#undef F

void fetch_put(struct msg *m, const struct fetch_request *r)
{
	msg_init(m, FETCH_GET);
	layout_put(&request, m, r);
	msg_put_u32(m, (uint32_t)r->nrefspecs);
	for (size_t i = 0; i < r->nrefspecs; i++)
		msg_put_str(m, r->refspecs[i]);
}

int fetch_get(struct msg *m, struct arena *a, struct fetch_request *ret, struct err *e)
{
	struct fetch_request r;
	layout_get(&request, m, &r);
	r.force %= FETCH_FORCES;
	r.whose %= FETCH_WHOSES;
	r.want %= FETCH_WANTS;
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
	if (layout_end(&request, m, &r, e) < 0)
		return -1;
	*ret = r;
	return 0;
}

void fetch_put_done(struct msg *m, const struct fetch_result *r)
{
	msg_init(m, FETCH_DONE);
	layout_put(&result, m, r);
}

int fetch_get_done(struct msg *m, struct fetch_result *ret, struct err *e)
{
	struct fetch_result r;
	layout_get(&result, m, &r);
	if (layout_end(&result, m, &r, e) < 0)
		return -1;
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
