/*
 * courser-archiver: packs and unpacks archives of a job's tree from within the job's namespaces
 * (executor/archiver.h is the contract). A role of its own beside the packer: what it links would slow
 * every checkout down. What it can touch is what the job can touch.
 */
#include "base/coverage.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/verb.h"
#include "executor/archiver.h"
#include "executor/file_hash.h"
#include "executor/git_lib.h"
#include "sandbox/confine.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

enum { FD_WORKER = 3, FD_USERNS, FD_MNTNS };
enum { PATTERNS_MAX = 1000, ARENA_BYTES = 32 << 20 };

static int confine(const char *ids, struct err *e)
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
	if (confine_join_as(FD_USERNS, FD_MNTNS, ids, e) < 0)
		return -1;
	return confine_role(&c, e);
}

static int pack(void *none, struct msg *m, struct err *e)
{
	bool piped = msg_get_u32(m) != 0;
	autofd parcel = msg_get_fd(m);
	autofd spool = msg_get_fd(m);
	autofd pipe = piped ? msg_get_fd(m) : -1;
	(void)none;
	if (msg_end(m, e) < 0)
		return -1;
	return archiver_pack(FD_WORKER, parcel, spool, pipe, e);
}

static int unpack(void *none, struct msg *m, struct err *e)
{
	const char *tree = msg_get_str(m);
	autofd archive = msg_get_fd(m);
	(void)none;
	if (msg_end(m, e) < 0)
		return -1;
	return archiver_unpack(FD_WORKER, tree, archive, e);
}

static int stow(void *none, struct msg *m, struct err *e)
{
	bool stamped = msg_get_u32(m) != 0;
	autofd parcel = msg_get_fd(m);
	autofd stream = msg_get_fd(m);
	autofd stamps = stamped ? msg_get_fd(m) : -1;
	(void)none;
	if (msg_end(m, e) < 0)
		return -1;
	const struct archiver_stow s = { parcel, stream, stamps };
	return archiver_stow(FD_WORKER, &s, e);
}

static int restore(void *none, struct msg *m, struct err *e)
{
	const char *tree = msg_get_str(m);
	uint64_t newest = msg_get_u64(m);
	autofd stream = msg_get_fd(m);
	(void)none;
	if (msg_end(m, e) < 0)
		return -1;
	return archiver_restore(FD_WORKER, tree, newest, stream, e);
}

static int hash_tree(const char *root, struct file_hash *q, struct arena *a, char ret[DIGEST_HEX],
		     struct err *e)
{
	autofd dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return err_sys(e, "%s", root);
	q->dir = dir;
	q->root = root;
	return file_hash(q, a, ret, e);
}

static int take_patterns(struct msg *m, struct file_hash *q, struct arena *a, struct err *e)
{
	q->follow_links = msg_get_u32(m) != 0;
	q->n = msg_get_u32(m);
	if (q->n > PATTERNS_MAX)
		return err_set(e, E2BIG, "%zu patterns", q->n);
	const char **texts = arena_array(a, q->n + 1, sizeof *texts, e);
	for (size_t i = 0; texts && i < q->n; i++)
		texts[i] = msg_get_str(m);
	q->patterns = texts;
	return texts ? msg_end(m, e) : -1;
}

static int hash(void *none, struct msg *m, struct err *e)
{
	struct arena a = ARENA(ARENA_BYTES);
	struct file_hash q = { .dir = -1 };
	struct err why = { 0 };
	char hex[DIGEST_HEX];
	const char *root = msg_get_str(m);
	(void)none;
	int r = take_patterns(m, &q, &a, e);
	bool done = r == 0 && hash_tree(root, &q, &a, hex, &why) == 0;
	arena_done(&a);
	if (r < 0 || !done)
		return r < 0 ? -1 : archiver_failed(FD_WORKER, &why, e);
	automsg answer;
	msg_init(&answer, ARCHIVER_HASHED);
	msg_put_str(&answer, hex);
	return msg_send(FD_WORKER, &answer, e);
}

static int run(struct err *e)
{
	static const struct verb verbs[] = {
		{ ARCHIVER_PACK, pack },       { ARCHIVER_UNPACK, unpack }, { ARCHIVER_STOW, stow },
		{ ARCHIVER_RESTORE, restore }, { ARCHIVER_HASH, hash },
	};
	return verb_serve(FD_WORKER, verbs, sizeof verbs / sizeof *verbs, NULL, e);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	log_setup("archiver");
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	/* names in archives are UTF-8, or bytes that are kept */
	if (argc < 4 || strcmp(argv[2], "join") != 0)
		err_set(&e, EINVAL, "usage: courser-archiver - join UID:GID");
	else if (!setlocale(LC_CTYPE, "C.UTF-8"))
		err_set(&e, ENOENT, "no locale C.UTF-8");
	else if (git_lib_init(&e) == 0 && confine(argv[3], &e) == 0)
		(void)!run(&e);
	if (e.code)
		log_line(LOG_ERROR, "archiver ends", "error", e.msg, NULL);
	coverage_flush();
	return e.code != 0;
}
