/*
 * courser-packer: works on a job's tree from within the job's namespaces (executor/pack.h is the
 * contract). What it can touch is what the job can touch.
 */
#include "base/coverage.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/verb.h"
#include "executor/git_checkout.h"
#include "executor/git_export.h"
#include "executor/git_lib.h"
#include "executor/git_tree.h"
#include "sandbox/confine.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

enum { FD_WORKER = 3, FD_USERNS, FD_MNTNS };

/* The sandbox's own root, or, where it works in place, everything: ids and modes decide. */
static int confine(const char *ids, const char *join, struct err *e)
{
	static const struct confine_path paths[] = {
		{ AT_FDCWD, "/", CONFINE_READ | CONFINE_WRITE },
	};
	struct confine c = {
		.profile = "packer",
		.paths = paths,
		.npaths = sizeof paths / sizeof *paths,
		.nofile = 4096,
	};
	if (join && confine_join_as(FD_USERNS, FD_MNTNS, join, e) < 0)
		return -1;
	return confine_ids(&c, join ? "-" : ids, e) < 0 ? -1 : confine_role(&c, e);
}

static int failed(enum sources_fault fault, const struct err *why, struct err *e)
{
	automsg m;
	msg_init(&m, PACK_FAILED);
	msg_put_u32(&m, fault);
	msg_put_str(&m, why->msg);
	return msg_send(FD_WORKER, &m, e);
}

static int done(const struct pack_result *r, struct err *e)
{
	automsg m;
	pack_put_done(&m, r);
	return msg_send(FD_WORKER, &m, e);
}

static int checkout(void *none, struct msg *m, struct err *e)
{
	struct pack_checkout c;
	struct pack_result r = PACK_RESULT;
	enum sources_fault fault = SOURCES_INTERNAL;
	struct err why = { 0 };
	(void)none;
	if (pack_get_checkout(m, &c, e) < 0)
		return -1;
	int ended = git_checkout(&c, &r, &fault, &why);
	int sent = ended < 0 ? failed(fault, &why, e) : done(&r, e);
	fd_close(&c.refs);
	fd_close(&c.store);
	fd_close(&r.modules);
	return sent;
}

/* The directory's own entry goes too where its parent lets it; a mount point stays, empty. */
static int remove_all(const char *path, struct err *e)
{
	autofd dir = git_tree_open(path, e);
	if (dir < 0)
		return -1;
	return git_tree_empty(dir, e);
}

static int remove_tree(void *none, struct msg *m, struct err *e)
{
	static const struct pack_result nothing = PACK_RESULT;
	struct err why = { 0 };
	const char *path = msg_get_str(m);
	(void)none;
	if (msg_end(m, e) < 0)
		return -1;
	if (remove_all(path, &why) < 0)
		return failed(SOURCES_DISK, &why, e);
	(void)rmdir(path);
	return done(&nothing, e);
}

static int clear_tree(void *none, struct msg *m, struct err *e)
{
	static const struct pack_result nothing = PACK_RESULT;
	struct err why = { 0 };
	const char *path = msg_get_str(m);
	mode_t mode = (mode_t)msg_get_u32(m) & 07777;
	(void)none;
	if (msg_end(m, e) < 0)
		return -1;
	autofd dir = git_tree_open(path, &why);
	if (dir < 0 || git_tree_empty(dir, &why) < 0)
		return failed(SOURCES_DISK, &why, e);
	if (fchmod(dir, mode) < 0 && err_sys(&why, "%s", path) < 0)
		return failed(SOURCES_DISK, &why, e);
	return done(&nothing, e);
}

static int unpack_into(const char *path, int fd, struct pack_result *ret,
		       enum sources_fault *ret_fault, struct err *e)
{
	*ret_fault = SOURCES_DISK;
	autofd dir = git_tree_open(path, e);
	if (dir < 0 || git_tree_empty(dir, e) < 0)
		return -1;
	int r = git_export_unpack(fd, dir, &ret->files, e);
	if (r < 0 && (e->code == EINVAL || e->code == ENAMETOOLONG))
		*ret_fault = SOURCES_HOSTILE;
	return r;
}

static int unpack_tree(void *none, struct msg *m, struct err *e)
{
	struct pack_result r = PACK_RESULT;
	enum sources_fault fault;
	struct err why = { 0 };
	const char *path = msg_get_str(m);
	autofd fd = msg_get_fd(m);
	(void)none;
	if (msg_end(m, e) < 0)
		return -1;
	return unpack_into(path, fd, &r, &fault, &why) < 0 ? failed(fault, &why, e) : done(&r, e);
}

static int run(struct err *e)
{
	static const struct verb verbs[] = {
		{ PACK_CHECKOUT, checkout },
		{ PACK_REMOVE, remove_tree },
		{ PACK_CLEAR, clear_tree },
		{ PACK_UNPACK, unpack_tree },
	};
	return verb_serve(FD_WORKER, verbs, sizeof verbs / sizeof *verbs, NULL, e);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	const char *join = argc > 3 && strcmp(argv[2], "join") == 0 ? argv[3] : NULL;
	log_setup("packer");
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	if (argc < 3)
		err_set(&e, EINVAL, "usage: courser-packer UID:GID|- join UID:GID | here");
	else if (git_lib_init(&e) == 0 && confine(argv[1], join, &e) == 0)
		(void)!run(&e);
	if (e.code)
		log_line(LOG_ERROR, "packer ends", "error", e.msg, NULL);
	coverage_flush();
	return e.code != 0;
}
