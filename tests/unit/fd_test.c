#include "base/fd.h"

#include <check.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static char root[] = "/tmp/courser-fd-XXXXXX";
static int dir = -1;

static void setup(void)
{
	snprintf(root, sizeof root, "/tmp/courser-fd-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir, 0);
}

static void teardown(void)
{
	struct err e = { 0 };
	fd_close(&dir);
	ck_assert_int_eq(fd_remove_tree(AT_FDCWD, root, &e), 0);
}

static void write_file(const char *name, const char *text)
{
	struct err e = { 0 };
	autofd fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text), &e), 0);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(an_fd_ends_with_its_scope)
{
	int kept, closed;
	{
		autofd a = fcntl(dir, F_DUPFD_CLOEXEC, 3);
		autofd b = fcntl(dir, F_DUPFD_CLOEXEC, 3);
		closed = a;
		kept = fd_take(&b);
		ck_assert_int_eq(b, -1);
		errno = EXDEV;
	}
	ck_assert_int_eq(errno, EXDEV);
	ck_assert(!is_open(closed));
	ck_assert(is_open(kept));
	fd_close(&kept);
	fd_close(&kept);
	ck_assert_int_eq(kept, -1);
}
END_TEST

START_TEST(beneath_means_beneath)
{
	struct err e = { 0 };
	ck_assert_int_eq(mkdirat(dir, "sub", 0700), 0);
	write_file("sub/file", "x");
	ck_assert_int_eq(symlinkat("sub", dir, "link"), 0);
	ck_assert_int_eq(symlinkat("/etc/passwd", dir, "sub/passwd"), 0);
	static const char *const bad[] = { "/etc/passwd", "..",        "sub/../sub/file", "sub/..",
					   "../x",        "link/file", "sub/passwd",      "absent",
					   "sub/file/x",  "" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		err_clear(&e);
		ck_assert_msg(fd_open_beneath(dir, bad[i], O_RDONLY, 0, &e) < 0, "%s", bad[i]);
		ck_assert_int_ne(e.code, 0);
		ck_assert_ptr_nonnull(strstr(e.msg, bad[i]));
	}
	autofd fd = fd_open_beneath(dir, "sub/file", O_RDONLY, 0, &e);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
}
END_TEST

START_TEST(beneath_takes_every_kind_of_open)
{
	struct err e = { 0 };
	struct stat st;
	ck_assert_int_eq(mkdirat(dir, "..sub", 0700), 0);
	autofd made = fd_open_beneath(dir, "..sub/a..", O_WRONLY | O_CREAT | O_EXCL, 0640, &e);
	ck_assert_int_ge(made, 0);
	ck_assert_int_eq(fstat(made, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	autofd sub = fd_open_beneath(dir, "..sub", O_RDONLY | O_DIRECTORY, 0755, &e);
	ck_assert_int_ge(sub, 0);
	autofd again = fd_open_beneath(dir, "..sub/a..", O_RDWR, 0644, &e);
	ck_assert_int_ge(again, 0);
	ck_assert_int_lt(fd_open_beneath(dir, "..sub/a..", O_RDONLY | O_DIRECTORY, 0, &e), 0);
	ck_assert_int_eq(e.code, ENOTDIR);
}
END_TEST

START_TEST(a_file_is_read_up_to_the_limit)
{
	struct err e = { 0 };
	autobuf exact = BUF(6);
	autobuf small = BUF(5);
	autobuf nothing = BUF(0);
	write_file("file", "123456");
	write_file("empty", "");
	char path[100];
	snprintf(path, sizeof path, "%s/file", root);
	ck_assert_int_eq(fd_read_file(path, &exact, &e), 0);
	ck_assert_str_eq(exact.p, "123456");
	ck_assert_int_eq(fd_read_file(path, &small, &e), -1);
	ck_assert_int_eq(e.code, E2BIG);
	ck_assert_ptr_nonnull(strstr(e.msg, path));
	snprintf(path, sizeof path, "%s/empty", root);
	ck_assert_int_eq(fd_read_file(path, &nothing, &e), 0);
	ck_assert_uint_eq(nothing.len, 0);
	ck_assert_int_eq(fd_read_file("/nonexistent", &small, &e), -1);
	ck_assert_int_eq(e.code, ENOENT);
	ck_assert_int_eq(fd_read_file(root, &small, &e), -1);
	ck_assert_int_eq(e.code, EISDIR);
}
END_TEST

START_TEST(a_pipe_is_read_to_its_end)
{
	struct err e = { 0 };
	static char big[50000];
	autobuf b = BUF(1 << 20);
	int p[2];
	memset(big, 'x', sizeof big);
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	autofd in = p[0], out = p[1];
	ck_assert_int_eq(fd_write_all(out, big, sizeof big, &e), 0);
	fd_close(&out);
	ck_assert_int_eq(fd_read_all(in, &b, &e), 0);
	ck_assert_uint_eq(b.len, sizeof big);
	ck_assert_int_eq(memcmp(b.p, big, sizeof big), 0);
	ck_assert_uint_eq(strlen(b.p), b.len);
}
END_TEST

START_TEST(bad_fds_are_errors)
{
	struct err e = { 0 };
	autobuf b = BUF(10);
	ck_assert_int_eq(fd_read_all(-1, &b, &e), -1);
	ck_assert_int_eq(e.code, EBADF);
	ck_assert_int_eq(fd_write_all(-1, "x", 1, &e), -1);
	ck_assert_int_eq(e.code, EBADF);
	ck_assert_int_eq(fd_write_all(-1, "x", 0, &e), 0);
	ck_assert_int_eq(fd_nonblock(-1, 1, &e), -1);
	ck_assert_int_eq(fd_mkdir_open(-1, "x", 0700, &e), -1);
	ck_assert_int_eq(fd_open_beneath(-1, "x", O_RDONLY, 0, &e), -1);
	ck_assert_int_eq(fd_replace_file(-1, "x", 0600, &b, &e), -1);
	ck_assert_int_eq(fd_remove_tree(-1, "x", &e), -1);
	ck_assert_int_eq(e.code, EBADF);
}
END_TEST

START_TEST(a_full_device_is_an_error)
{
	struct err e = { 0 };
	autofd full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(full, 0);
	ck_assert_int_eq(fd_write_all(full, "x", 1, &e), -1);
	ck_assert_int_eq(e.code, ENOSPC);
}
END_TEST

static void check_content(const char *name, const char *want, mode_t mode)
{
	struct err e = { 0 };
	struct stat st;
	autobuf b = BUF(1000);
	autofd fd = fd_open_beneath(dir, name, O_RDONLY, 0, &e);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_read_all(fd, &b, &e), 0);
	ck_assert_str_eq(buf_cstr(&b), want);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, mode);
}

START_TEST(a_file_is_replaced_in_one_step)
{
	struct err e = { 0 };
	autobuf b = BUF(100);
	umask(077);
	ck_assert_int_eq(fd_replace_file(dir, "state", 0644, &b, &e), 0);
	check_content("state", "", 0644);
	autofd old = fd_open_beneath(dir, "state", O_RDONLY, 0, &e);
	ck_assert_int_eq(buf_str(&b, "second", &e), 0);
	write_file(".state.new", "left by a crash");
	ck_assert_int_eq(fd_replace_file(dir, "state", 0600, &b, &e), 0);
	check_content("state", "second", 0600);
	struct stat st;
	ck_assert_int_eq(fstat(old, &st), 0);
	ck_assert_uint_eq(st.st_nlink, 0);
	ck_assert_int_lt(faccessat(dir, ".state.new", F_OK, 0), 0);
}
END_TEST

START_TEST(a_failed_replacement_leaves_nothing)
{
	struct err e = { 0 };
	autobuf b = BUF(100);
	char name[300];
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	ck_assert_int_eq(fd_replace_file(dir, name, 0600, &b, &e), -1);
	ck_assert_int_eq(e.code, ENAMETOOLONG);
	ck_assert_int_eq(mkdirat(dir, "taken", 0700), 0);
	ck_assert_int_eq(fd_replace_file(dir, "taken", 0600, &b, &e), -1);
	ck_assert_int_eq(e.code, EISDIR);
	ck_assert_int_lt(faccessat(dir, ".taken.new", F_OK, 0), 0);
	ck_assert_int_eq(symlinkat("/nonexistent", dir, ".evil.new"), 0);
	ck_assert_int_eq(fd_replace_file(dir, "evil", 0600, &b, &e), 0);
	check_content("evil", "", 0600);
}
END_TEST

START_TEST(sealed_memory_never_changes)
{
	struct err e = { 0 };
	autobuf b = BUF(100);
	autofd fd = fd_sealed("test", "content", 7, &e);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_read_all(fd, &b, &e), 0);
	ck_assert_str_eq(b.p, "content");
	ck_assert_int_lt(pwrite(fd, "X", 1, 0), 0);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_lt(ftruncate(fd, 3), 0);
	ck_assert_int_lt(ftruncate(fd, 30), 0);
	ck_assert_int_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	ck_assert_ptr_eq(mmap(NULL, 7, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	autofd empty = fd_sealed("empty", NULL, 0, &e);
	ck_assert_int_ge(empty, 0);
}
END_TEST

START_TEST(blocking_is_switched)
{
	struct err e = { 0 };
	int p[2];
	char c;
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	autofd in = p[0], out = p[1];
	ck_assert_int_eq(fd_nonblock(in, 1, &e), 0);
	ck_assert_int_lt(read(in, &c, 1), 0);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(fd_nonblock(in, 0, &e), 0);
	ck_assert_int_eq(fcntl(in, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(out, F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

START_TEST(directories_are_made_once)
{
	struct err e = { 0 };
	autofd a = fd_mkdir_open(dir, "sub", 0700, &e);
	autofd b = fd_mkdir_open(dir, "sub", 0700, &e);
	ck_assert(a >= 0 && b >= 0);
	ck_assert_int_eq(fcntl(a, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(symlinkat("sub", dir, "link"), 0);
	ck_assert_int_eq(fd_mkdir_open(dir, "link", 0700, &e), -1);
	write_file("file", "");
	ck_assert_int_eq(fd_mkdir_open(dir, "file", 0700, &e), -1);
	ck_assert_int_eq(e.code, ENOTDIR);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fd");
	TCase *t = tcase_create("fd");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_fd_ends_with_its_scope);
	tcase_add_test(t, beneath_means_beneath);
	tcase_add_test(t, beneath_takes_every_kind_of_open);
	tcase_add_test(t, a_file_is_read_up_to_the_limit);
	tcase_add_test(t, a_pipe_is_read_to_its_end);
	tcase_add_test(t, bad_fds_are_errors);
	tcase_add_test(t, a_full_device_is_an_error);
	tcase_add_test(t, a_file_is_replaced_in_one_step);
	tcase_add_test(t, a_failed_replacement_leaves_nothing);
	tcase_add_test(t, sealed_memory_never_changes);
	tcase_add_test(t, blocking_is_switched);
	tcase_add_test(t, directories_are_made_once);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
