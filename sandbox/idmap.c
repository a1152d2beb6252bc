#include "sandbox/idmap.h"

#include "base/fd.h"
#include "base/proc.h"
#include "sandbox/ns.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { ROWS_TEXT = SANDBOX_MAPS * 36, ROW_WORDS = 3 };

/* The ranges that the namespace we moved into holds, once we have. */
static struct {
	bool entered;
	struct sandbox_ids uids[SANDBOX_MAPS], gids[SANDBOX_MAPS];
} holder;

static int write_file(pid_t pid, const char *name, const char *text, struct err *e)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	autofd fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_sys(e, "%s", name);
	return 0;
}

static void rows_text(char *out, const struct sandbox_ids *rows, uint32_t n)
{
	int at = 0;
	for (uint32_t i = 0; i < n; i++)
		at += snprintf(out + at, (size_t)(ROWS_TEXT - at), "%u %u %u\n", rows[i].inside,
			       rows[i].outside, rows[i].count);
}

int idmap_write(const struct sandbox_spec *s, pid_t pid, struct err *e)
{
	char uids[ROWS_TEXT], gids[ROWS_TEXT];
	rows_text(uids, s->uids, s->nuids);
	rows_text(gids, s->gids, s->ngids);
	if (s->map_by == SANDBOX_MAP_SINGLE && write_file(pid, "setgroups", "deny", e) < 0)
		return -1;
	if (write_file(pid, "uid_map", uids, e) < 0)
		return -1;
	return write_file(pid, "gid_map", gids, e);
}

/* Run newuidmap or newgidmap on pid, every row mapped onto itself. */
static int run_helper(const char *path, pid_t pid, const struct sandbox_ids *rows, uint32_t n,
		      struct err *e)
{
	char words[1 + SANDBOX_MAPS * ROW_WORDS][16];
	char *argv[3 + SANDBOX_MAPS * ROW_WORDS] = { strrchr(path, '/') + 1, words[0] };
	snprintf(words[0], sizeof words[0], "%d", (int)pid);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row[ROW_WORDS] = { rows[i].outside, rows[i].outside, rows[i].count };
		for (uint32_t j = 0; j < ROW_WORDS; j++) {
			char *word = words[1 + i * ROW_WORDS + j];
			snprintf(word, sizeof words[0], "%u", row[j]);
			argv[2 + i * ROW_WORDS + j] = word;
		}
	}
	autofd exe = open(path, O_PATH | O_CLOEXEC);
	if (exe < 0)
		return err_sys(e, "%s", path);
	struct proc p;
	struct proc_spec spec = {
		.exe = exe,
		.argv = argv,
		.envp = (char *[]){ NULL },
		.stdio = { -1, -1, -1 },
	};
	if (proc_spawn(&p, &spec, e) < 0)
		return -1;
	int status = proc_wait(&p);
	return status ? err_set(e, EPERM, "%s: exit status %d", path, status) : 0;
}

/* Our own id is ours to map. */
static int map_own(pid_t pid, struct err *e)
{
	char uids[ROWS_TEXT], gids[ROWS_TEXT];
	snprintf(uids, sizeof uids, "%u %u 1\n", geteuid(), geteuid());
	snprintf(gids, sizeof gids, "%u %u 1\n", getegid(), getegid());
	if (write_file(pid, "setgroups", "deny", e) < 0 || write_file(pid, "uid_map", uids, e) < 0)
		return -1;
	return write_file(pid, "gid_map", gids, e);
}

static int map_ranges(pid_t pid, const struct sandbox_spec *s, struct err *e)
{
	if (run_helper("/usr/bin/newuidmap", pid, s->uids, s->nuids, e) < 0 ||
	    run_helper("/usr/bin/newgidmap", pid, s->gids, s->ngids, e) < 0)
		return -1;
	return 0;
}

static int map_holder(pid_t pid, const struct sandbox_spec *s, struct err *e)
{
	if ((s->map_by == SANDBOX_MAP_SINGLE ? map_own(pid, e) : map_ranges(pid, s, e)) < 0)
		return -1;
	autofd ns = ns_open(pid, "user", e);
	if (ns < 0)
		return -1;
	return setns(ns, CLONE_NEWUSER) < 0 ? err_sys(e, "join the user namespace") : 0;
}

static int holder_enter(const struct sandbox_spec *s, struct err *e)
{
	int sync[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sync) < 0)
		return err_sys(e, "socketpair");
	struct ns_child child;
	int r = ns_clone(CLONE_NEWUSER, -1, &child, e);
	if (r == 0 && child.pid == 0) {
		char byte;
		close(sync[0]);
		_exit(read(sync[1], &byte, 1) < 0);
	}
	close(sync[1]);
	if (r == 0) {
		r = map_holder(child.pid, s, e);
		fd_close(&child.pidfd);
	}
	close(sync[0]);
	if (r == 0 || child.pid > 0)
		waitpid(child.pid, NULL, 0);
	return r;
}

static bool same_ranges(const struct sandbox_ids *held, const struct sandbox_ids *asked)
{
	for (uint32_t i = 0; i < SANDBOX_MAPS; i++)
		if (held[i].outside != asked[i].outside || held[i].count != asked[i].count)
			return false;
	return true;
}

int idmap_prepare(const struct sandbox_spec *s, struct err *e)
{
	if (s->map_by == SANDBOX_MAP_DIRECT) {
		if (holder.entered)
			return err_set(e, EINVAL, "id maps by helper and by hand in one spawner");
		return 0;
	}
	if (!holder.entered) {
		if (holder_enter(s, e) < 0)
			return err_wrap(e, "id range");
		memcpy(holder.uids, s->uids, sizeof holder.uids);
		memcpy(holder.gids, s->gids, sizeof holder.gids);
		holder.entered = true;
	}
	if (!same_ranges(holder.uids, s->uids) || !same_ranges(holder.gids, s->gids))
		return err_set(e, EINVAL, "another id range than this spawner holds");
	return 0;
}

static int become(uid_t uid, gid_t gid, const struct setup *with, struct err *e)
{
	size_t n = with ? with->ngroups : 0;
	/* EPERM: setgroups is denied where a user mapped its own gid by itself. The groups it then
	 * keeps are the user's own, which are not mapped. */
	if (setgroups(n, n ? with->groups : NULL) < 0 && errno != EPERM)
		return err_sys(e, "setgroups");
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_sys(e, "become %u:%u", uid, gid);
	return 0;
}

int idmap_become(uid_t uid, gid_t gid, struct err *e)
{
	return become(uid, gid, NULL, e);
}

int idmap_become_maker(const struct sandbox_spec *s, struct err *e)
{
	bool root = sandbox_ids_outside(s->uids, s->nuids, 0) != UINT32_MAX &&
		    sandbox_ids_outside(s->gids, s->ngids, 0) != UINT32_MAX;
	return idmap_become(root ? 0 : s->uid, root ? 0 : s->gid, e);
}

int idmap_wait(struct setup *s, struct err *e)
{
	char byte;
	ssize_t n;
	do
		n = read(s->sync, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return err_set(e, EPIPE, "the spawner is gone");
	if (s->spec->map_by == SANDBOX_MAP_SINGLE)
		setup_note(s, "no id range: single-id map");
	return idmap_become_maker(s->spec, e);
}

int idmap_become_job(struct setup *s, struct err *e)
{
	return become(s->spec->uid, s->spec->gid, s, e);
}
