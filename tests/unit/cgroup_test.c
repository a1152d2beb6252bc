#include "runner/cgroup.h"

#include "base/fd.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory that looks like a group of the kernel's: its files are there and can be written. */
static char root[64];
static struct cgroup g;

static void touch(const char *name)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", root, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static const char *content(const char *name)
{
	static struct buf b = BUF(4096);
	char path[256];
	struct err e = { 0 };
	b.len = 0;
	snprintf(path, sizeof path, "%s/%s", root, name);
	ck_assert_msg(fd_read_file(path, &b, &e) == 0, "%s", e.msg);
	return b.len ? buf_cstr(&b) : "";
}

static void begin(void)
{
	static const char *const files[] = { "cgroup.subtree_control",   "job-7-3/memory.max",
					     "job-7-3/memory.oom.group", "job-7-3/pids.max",
					     "job-7-3/cpu.max",          "job-7-3/cgroup.procs",
					     "job-7-3/memory.events" };
	char job[128];
	memcpy(root, "/tmp/cgroup-test-XXXXXX", sizeof "/tmp/cgroup-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(job, sizeof job, "%s/job-7-3", root);
	ck_assert_int_eq(mkdir(job, 0755), 0);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		touch(files[i]);
}

static void end(void)
{
	struct err e = { 0 };
	cgroup_close(&g);
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(fd_clear_tree(fd, &e), 0);
	close(fd);
	rmdir(root);
}

START_TEST(limits_become_files)
{
	struct cgroup_limits l = { .memory = 268435456, .pids = 100, .cpus = 2 };
	struct err e = { 0 };
	cgroup_open(&g, root, 7);
	ck_assert_int_ge(g.top, 0);
	ck_assert_str_eq(g.note, "");
	autofd job = cgroup_job(&g, 3, &l, &e);
	ck_assert_msg(job >= 0, "%s", e.msg);
	ck_assert_str_eq(content("job-7-3/memory.max"), "268435456");
	ck_assert_str_eq(content("job-7-3/memory.oom.group"), "1");
	ck_assert_str_eq(content("job-7-3/pids.max"), "100");
	ck_assert_str_eq(content("job-7-3/cpu.max"), "200000 100000");
	ck_assert_int_eq(cgroup_enter(job, 4711, &e), 0);
	ck_assert_str_eq(content("job-7-3/cgroup.procs"), "4711");
}
END_TEST

START_TEST(no_limit_writes_nothing)
{
	struct cgroup_limits none = { 0 };
	struct err e = { 0 };
	cgroup_open(&g, root, 7);
	autofd job = cgroup_job(&g, 3, &none, &e);
	ck_assert_int_ge(job, 0);
	ck_assert_str_eq(content("job-7-3/memory.max"), "");
	ck_assert_str_eq(content("job-7-3/cpu.max"), "");
}
END_TEST

START_TEST(a_controller_that_is_missing_is_named)
{
	char path[128];
	struct cgroup_limits l = { .memory = 1 << 20 };
	struct err e = { 0 };
	snprintf(path, sizeof path, "%s/cgroup.subtree_control", root);
	ck_assert_int_eq(unlink(path), 0);
	cgroup_open(&g, root, 7);
	ck_assert_str_eq(g.note, "cgroup v2 without memory, pids, cpu");
	autofd job = cgroup_job(&g, 3, &l, &e); /* a group for cgroup.kill alone */
	ck_assert_int_ge(job, 0);
	ck_assert_str_eq(content("job-7-3/memory.max"), "");
}
END_TEST

START_TEST(what_a_worker_reads)
{
	struct cgroup_limits none = { 0 };
	struct err e = { 0 };
	int files[USAGE_FILES];
	cgroup_open(&g, root, 7);
	autofd job = cgroup_job(&g, 3, &none, &e);
	ck_assert_int_eq(cgroup_files(job, files, &e), 0); /* of an older kernel: some are absent */
	for (size_t i = 0; i < USAGE_FILES; i++)
		ck_assert_int_eq(close(files[i]), 0);
}
END_TEST

START_TEST(what_is_expected)
{
	char note[128], path[128];
	struct err e = { 0 };
	ck_assert(!cgroup_expect("off", note, sizeof note));
	ck_assert_str_eq(note, "cgroups are off");
	ck_assert(!cgroup_expect(root, note, sizeof note));
	touch("cgroup.controllers");
	snprintf(path, sizeof path, "%s/cgroup.controllers", root);
	ck_assert(!cgroup_expect(root, note, sizeof note));
	ck_assert_str_eq(note, "cgroup v2 without memory");
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(fd_write_all(fd, "cpu memory pids\n", 16, &e), 0);
	close(fd);
	ck_assert(cgroup_expect(root, note, sizeof note));
	ck_assert_str_eq(content("cgroup.subtree_control"), ""); /* it only looks */
}
END_TEST

START_TEST(none_is_said)
{
	cgroup_open(&g, "off", 7);
	ck_assert_int_lt(g.top, 0);
	ck_assert_str_eq(g.note, "cgroups are off");
	cgroup_open(&g, "/no/such/group", 7);
	ck_assert_int_lt(g.top, 0);
	ck_assert_ptr_nonnull(strstr(g.note, "/no/such/group: No such file"));
	cgroup_open(&g, root, 7);
	struct cgroup_limits none = { 0 };
	struct err e = { 0 };
	ck_assert_int_eq(chmod(root, 0755), 0);
	cgroup_end(&g, 9); /* there is none: nothing happens */
	ck_assert_int_ge(cgroup_job(&g, 9, &none, &e), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("cgroup");
	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, limits_become_files);
	tcase_add_test(t, no_limit_writes_nothing);
	tcase_add_test(t, a_controller_that_is_missing_is_named);
	tcase_add_test(t, what_a_worker_reads);
	tcase_add_test(t, what_is_expected);
	tcase_add_test(t, none_is_said);
	Suite *s = suite_create("cgroup");
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
