/* fd_remove_tree: whatever a job can leave behind goes, and nothing else does. */
#include "base/fd.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LEVELS = 5000, FILES = 3000, NOBODY = 65534 };

static char root[] = "/tmp/courser-tree-XXXXXX";
static int dir = -1;

static void setup(void)
{
	snprintf(root, sizeof root, "/tmp/courser-tree-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir, 0);
	ck_assert_int_eq(mkdirat(dir, "tree", 0700), 0);
}

static void teardown(void)
{
	fd_close(&dir);
	ck_assert_int_eq(rmdir(root), 0);
}

static bool exists(const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void touch(int at, const char *name)
{
	autofd fd = openat(at, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
}

static unsigned open_fds(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Remove "tree", which must work, and see that it is gone and that no fd is left open. */
static void remove_tree(void)
{
	struct err e = { 0 };
	unsigned before = open_fds();
	int r = fd_remove_tree(dir, "tree", &e);
	ck_assert_msg(r == 0, "%s", e.msg);
	ck_assert(!exists("tree"));
	ck_assert_uint_eq(open_fds(), before);
}

START_TEST(what_is_absent_is_fine)
{
	struct err e = { 0 };
	ck_assert_int_eq(fd_remove_tree(dir, "nothing", &e), 0);
	remove_tree();
	ck_assert_int_eq(fd_remove_tree(dir, "tree", &e), 0);
}
END_TEST

START_TEST(files_of_every_kind_go)
{
	ck_assert_int_eq(mkdirat(dir, "tree/sub", 0700), 0);
	touch(dir, "tree/file");
	touch(dir, "tree/sub/file");
	touch(dir, "tree/.hidden");
	touch(dir, "tree/...");
	touch(dir, "tree/new\nline");
	ck_assert_int_eq(mkfifoat(dir, "tree/fifo", 0600), 0);
	ck_assert_int_eq(symlinkat("absent", dir, "tree/dangling"), 0);
	ck_assert_int_eq(symlinkat("tree", dir, "tree/sub/loop"), 0);
	remove_tree();
}
END_TEST

START_TEST(a_single_file_goes)
{
	struct err e = { 0 };
	touch(dir, "file");
	ck_assert_int_eq(fd_remove_tree(dir, "file", &e), 0);
	ck_assert(!exists("file"));
	remove_tree();
}
END_TEST

START_TEST(links_are_not_followed)
{
	struct err e = { 0 };
	struct stat st;
	ck_assert_int_eq(mkdirat(dir, "other", 0500), 0);
	touch(dir, "outside");
	ck_assert_int_eq(symlinkat("../other", dir, "tree/a"), 0);
	ck_assert_int_eq(symlinkat("../outside", dir, "tree/b"), 0);
	ck_assert_int_eq(linkat(dir, "outside", dir, "tree/c", 0), 0);
	remove_tree();
	ck_assert_int_eq(fstatat(dir, "other", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0500);
	ck_assert_int_eq(symlinkat("other", dir, "link"), 0);
	ck_assert_int_eq(fd_remove_tree(dir, "link", &e), 0);
	ck_assert(exists("other") && exists("outside") && !exists("link"));
	ck_assert_int_eq(unlinkat(dir, "other", AT_REMOVEDIR), 0);
	ck_assert_int_eq(unlinkat(dir, "outside", 0), 0);
}
END_TEST

START_TEST(depth_is_no_limit)
{
	autofd at = openat(dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < LEVELS; i++) {
		ck_assert_int_eq(mkdirat(at, "a_directory_with_a_rather_long_name", 0700), 0);
		touch(at, "file");
		int below = openat(at, "a_directory_with_a_rather_long_name",
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(below, 0);
		fd_close(&at);
		at = below;
	}
	remove_tree();
}
END_TEST

START_TEST(many_files_and_directories_go)
{
	char name[40];
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "tree/file%d", i);
		touch(dir, name);
	}
	for (int i = 0; i < FILES / 10; i++) {
		snprintf(name, sizeof name, "tree/dir%d", i);
		ck_assert_int_eq(mkdirat(dir, name, 0700), 0);
		snprintf(name, sizeof name, "tree/dir%d/x", i);
		ck_assert_int_eq(mkdirat(dir, name, 0700), 0);
		snprintf(name, sizeof name, "tree/dir%d/x/f", i);
		touch(dir, name);
	}
	remove_tree();
}
END_TEST

START_TEST(names_like_its_own_are_no_trap)
{
	char name[64];
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "tree/.courser-gone-%d", i);
		ck_assert_int_eq(mkdirat(dir, name, 0700), 0);
		snprintf(name, sizeof name, "tree/.courser-gone-%d/.courser-gone-0", i);
		ck_assert_int_eq(mkdirat(dir, name, 0700), 0);
		snprintf(name, sizeof name, "tree/.courser-gone-%d/.courser-gone-0/f", i);
		touch(dir, name);
	}
	remove_tree();
}
END_TEST

/* As an ordinary user, also where the tests run as root: permission bits count. */
static void as_user(void)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(fchown(dir, NOBODY, NOBODY), 0);
	ck_assert_int_eq(fchownat(dir, "tree", NOBODY, NOBODY, 0), 0);
	ck_assert_int_eq(seteuid(NOBODY), 0);
}

static void as_before(void)
{
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
}

START_TEST(what_its_owner_cannot_enter_goes)
{
	static const char *const dirs[] = { "tree/a", "tree/a/b", "tree/a/b/c", "tree/empty" };
	as_user();
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		ck_assert_int_eq(mkdirat(dir, dirs[i], 0700), 0);
	touch(dir, "tree/a/b/c/file");
	for (size_t i = sizeof dirs / sizeof *dirs; i-- > 0;)
		ck_assert_int_eq(fchmodat(dir, dirs[i], 0, 0), 0);
	ck_assert_int_eq(fchmodat(dir, "tree", 0, 0), 0);
	remove_tree();
	as_before();
}
END_TEST

START_TEST(read_only_directories_go)
{
	as_user();
	ck_assert_int_eq(mkdirat(dir, "tree/mod", 0700), 0);
	ck_assert_int_eq(mkdirat(dir, "tree/mod/pkg", 0700), 0);
	touch(dir, "tree/mod/pkg/file");
	ck_assert_int_eq(fchmodat(dir, "tree/mod/pkg", 0555, 0), 0);
	ck_assert_int_eq(fchmodat(dir, "tree/mod", 0555, 0), 0);
	ck_assert_int_eq(fchmodat(dir, "tree", 0300, 0), 0);
	remove_tree();
	as_before();
}
END_TEST

START_TEST(what_cannot_be_removed_is_named)
{
	struct err e = { 0 };
	as_user();
	touch(dir, "tree/file");
	ck_assert_int_eq(fchmod(dir, 0500), 0);
	ck_assert_int_eq(fd_remove_tree(dir, "tree", &e), -1);
	ck_assert_int_eq(e.code, EACCES);
	ck_assert_ptr_nonnull(strstr(e.msg, "tree"));
	ck_assert_int_eq(fchmod(dir, 0700), 0);
	remove_tree();
	as_before();
}
END_TEST

/* For tests of copies. */
static void remove_both(void)
{
	struct err e = { 0 };
	ck_assert_int_eq(fd_remove_tree(dir, "tree", &e), 0);
	ck_assert_int_eq(fd_remove_tree(dir, "copy", &e), 0);
	teardown();
}

/* --- copies -------------------------------------------------------------------------------------- */

static int copy(struct err *e)
{
	autofd from = openat(dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofd to = fd_mkdir_open(dir, "copy", 0755, e);
	ck_assert_int_ge(from, 0);
	ck_assert_int_ge(to, 0);
	return fd_copy_tree(from, to, e);
}

START_TEST(a_copy_is_alike)
{
	struct err e = { 0 };
	struct stat a, b;
	char link[16] = "";
	const struct timespec times[2] = { { 1000000, 5 }, { 2000000, 7 } };
	ck_assert_int_eq(mkdirat(dir, "tree/sub", 0755), 0);
	touch(dir, "tree/sub/file");
	ck_assert_int_eq(fchmodat(dir, "tree/sub/file", 0755, 0), 0);
	ck_assert_int_eq(utimensat(dir, "tree/sub/file", times, 0), 0);
	ck_assert_int_eq(symlinkat("sub/file", dir, "tree/link"), 0);
	ck_assert_msg(copy(&e) == 0, "%s", e.msg);
	ck_assert_int_eq(fstatat(dir, "tree/sub/file", &a, 0), 0);
	ck_assert_int_eq(fstatat(dir, "copy/sub/file", &b, 0), 0);
	ck_assert_uint_eq(b.st_mode, a.st_mode);
	ck_assert_int_eq(b.st_size, a.st_size);
	ck_assert_int_eq(b.st_mtim.tv_sec, 2000000);
	ck_assert_int_eq(b.st_mtim.tv_nsec, 7);
	ck_assert_uint_ne(b.st_ino, a.st_ino);
	ck_assert_int_eq(readlinkat(dir, "copy/link", link, sizeof link - 1), 8);
	ck_assert_str_eq(link, "sub/file");
}
END_TEST

START_TEST(nothing_is_copied_over_or_through)
{
	struct err e = { 0 };
	touch(dir, "tree/file");
	ck_assert_int_eq(copy(&e), 0);
	ck_assert_int_eq(copy(&e), -1);
	ck_assert_int_eq(e.code, EEXIST);
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
	struct err e = { 0 };
	ck_assert_int_eq(mkfifoat(dir, "tree/pipe", 0644), 0);
	ck_assert_int_eq(copy(&e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "pipe"));
}
END_TEST

START_TEST(a_copy_has_a_depth)
{
	struct err e = { 0 };
	autofd at = openat(dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 101; i++) {
		int next = fd_mkdir_open(at, "d", 0755, &e);
		ck_assert_int_ge(next, 0);
		fd_close(&at);
		at = next;
	}
	ck_assert_int_eq(copy(&e), -1);
	ck_assert_int_eq(e.code, ELOOP);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tree");
	TCase *t = tcase_create("tree");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_absent_is_fine);
	tcase_add_test(t, files_of_every_kind_go);
	tcase_add_test(t, a_single_file_goes);
	tcase_add_test(t, links_are_not_followed);
	tcase_add_test(t, depth_is_no_limit);
	tcase_add_test(t, many_files_and_directories_go);
	tcase_add_test(t, names_like_its_own_are_no_trap);
	tcase_add_test(t, what_its_owner_cannot_enter_goes);
	tcase_add_test(t, read_only_directories_go);
	tcase_add_test(t, what_cannot_be_removed_is_named);
	suite_add_tcase(s, t);
	TCase *c = tcase_create("copies");
	tcase_add_checked_fixture(c, setup, remove_both);
	tcase_add_test(c, a_copy_is_alike);
	tcase_add_test(c, nothing_is_copied_over_or_through);
	tcase_add_test(c, what_is_no_file_is_refused);
	tcase_add_test(c, a_copy_has_a_depth);
	suite_add_tcase(s, c);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
