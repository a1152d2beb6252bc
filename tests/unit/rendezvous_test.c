#include "runner/rendezvous.h"

#include "base/fd.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory whose path is longer than a socket's address could be. */
static int directory(char *path)
{
	ck_assert_ptr_nonnull(mkdtemp(path));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		static const char name[] = "a-name-of-a-directory-that-is-long-enough";
		ck_assert_int_eq(mkdirat(fd, name, 0700), 0);
		int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd_close(&fd);
		fd = next;
	}
	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(test_meeting)
{
	char path[] = "/tmp/rendezvous-XXXXXX", byte = 0;
	struct err e = { 0 };
	autofd dir = directory(path);
	ck_assert_int_eq(rendezvous_connect(dir, "ctl", &e), -1);
	ck_assert_int_eq(e.code, ENOENT);
	err_clear(&e);
	int first = rendezvous_listen(dir, "ctl", &e);
	ck_assert_msg(first >= 0, "%s", e.msg);
	fd_close(&first);
	ck_assert_int_eq(rendezvous_connect(dir, "ctl", &e), -1);
	ck_assert_int_eq(e.code, ECONNREFUSED);
	err_clear(&e);
	autofd second = rendezvous_listen(dir, "ctl", &e); /* in the place of the dead one */
	autofd here = rendezvous_connect(dir, "ctl", &e);
	autofd there = accept4(second, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_msg(here >= 0 && there >= 0, "%s", e.msg);
	ck_assert_int_eq(fcntl(here, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ck_assert_int_eq(send(here, "x", 1, 0), 1);
	ck_assert_int_eq(recv(there, &byte, 1, 0), 1);
	ck_assert_int_eq(byte, 'x');
	autofd above = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(fd_remove_tree(above, strrchr(path, '/') + 1, &e), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rendezvous");
	TCase *t = tcase_create("rendezvous");
	tcase_add_test(t, test_meeting);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
