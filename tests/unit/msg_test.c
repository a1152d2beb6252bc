#include "base/msg.h"

#include "base/clock.h"
#include "base/fd.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct err e;
static int pair[2];

static void setup(void)
{
	err_clear(&e);
	ck_assert_int_eq(msg_pair(pair, &e), 0);
}

static void teardown(void)
{
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int new_fd(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 200);
	ck_assert_int_ge(fd, 200);
	return fd;
}

START_TEST(every_field_arrives)
{
	size_t n;
	automsg out, in;
	msg_init(&out, 42);
	msg_put_u32(&out, UINT32_MAX);
	msg_put_u64(&out, UINT64_MAX - 1);
	msg_put_bytes(&out, "a\0b", 3);
	msg_put_bytes(&out, NULL, 0);
	msg_put_str(&out, "hello");
	msg_put_str(&out, "");
	ck_assert_int_eq(msg_send(pair[0], &out, &e), 0);
	ck_assert_int_eq(msg_recv(pair[1], &in, &e), 1);
	ck_assert_uint_eq(in.type, 42);
	ck_assert_uint_eq(msg_get_u32(&in), UINT32_MAX);
	ck_assert_uint_eq(msg_get_u64(&in), UINT64_MAX - 1);
	ck_assert_int_eq(memcmp(msg_get_bytes(&in, &n), "a\0b", 3), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_ptr_nonnull(msg_get_bytes(&in, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert_str_eq(msg_get_str(&in), "hello");
	ck_assert_str_eq(msg_get_str(&in), "");
	ck_assert_int_eq(msg_end(&in, &e), 0);
}
END_TEST

START_TEST(fds_travel_and_belong_to_who_takes_them)
{
	int sent[2] = { new_fd(), new_fd() };
	automsg out;
	struct msg in;
	msg_init(&out, 1);
	msg_put_fd(&out, sent[0]);
	msg_put_fd(&out, sent[1]);
	ck_assert_int_eq(msg_send(pair[0], &out, &e), 0);
	msg_done(&out);
	ck_assert(is_open(sent[0]) && is_open(sent[1]));
	ck_assert_int_eq(msg_recv(pair[1], &in, &e), 1);
	ck_assert_uint_eq(in.nfds, 2);
	int left = in.fds[1];
	autofd mine = msg_get_fd(&in);
	ck_assert_int_eq(fcntl(mine, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(msg_end(&in, &e), -1);
	msg_done(&in);
	ck_assert(is_open(mine));
	ck_assert(!is_open(left));
	fd_close(&sent[0]);
	fd_close(&sent[1]);
}
END_TEST

START_TEST(a_missing_fd_makes_the_message_bad)
{
	automsg out, in;
	msg_init(&out, 1);
	ck_assert_int_eq(msg_send(pair[0], &out, &e), 0);
	ck_assert_int_eq(msg_recv(pair[1], &in, &e), 1);
	ck_assert_int_eq(msg_get_fd(&in), -1);
	ck_assert_int_eq(msg_end(&in, &e), -1);
	ck_assert_int_eq(e.code, EPROTO);
}
END_TEST

START_TEST(too_many_fds_are_not_sent)
{
	automsg out;
	msg_init(&out, 1);
	for (int i = 0; i < MSG_FDS; i++)
		msg_put_fd(&out, STDERR_FILENO);
	ck_assert(!out.bad);
	msg_put_fd(&out, STDERR_FILENO);
	ck_assert_int_eq(msg_send(pair[0], &out, &e), -1);
	automsg none;
	msg_init(&none, 2);
	msg_put_fd(&none, -1);
	ck_assert_int_eq(msg_send(pair[0], &none, &e), -1);
}
END_TEST

START_TEST(the_largest_message_passes_and_no_larger)
{
	static char big[MSG_MAX];
	size_t n;
	automsg out, in;
	memset(big, 'x', sizeof big);
	msg_init(&out, 1);
	msg_put_bytes(&out, big, sizeof big - 4);
	ck_assert_int_eq(msg_send(pair[0], &out, &e), 0);
	ck_assert_int_eq(msg_recv(pair[1], &in, &e), 1);
	ck_assert_int_eq(memcmp(msg_get_bytes(&in, &n), big, sizeof big - 4), 0);
	ck_assert_uint_eq(n, sizeof big - 4);
	ck_assert_int_eq(msg_end(&in, &e), 0);
	msg_put_u32(&out, 1);
	ck_assert_int_eq(msg_send(pair[0], &out, &e), -1);
	ck_assert_int_eq(e.code, E2BIG);
	automsg other;
	msg_init(&other, 1);
	msg_put_bytes(&other, big, SIZE_MAX);
	ck_assert_int_eq(msg_send(pair[0], &other, &e), -1);
}
END_TEST

/* A message as it lies in the socket, with n bytes, received. */
static int raw(struct msg *ret, const void *p, size_t n)
{
	ck_assert_int_eq(send(pair[0], p, n, MSG_DONTWAIT), (ssize_t)n);
	return msg_recv(pair[1], ret, &e);
}

START_TEST(short_and_malformed_messages)
{
	automsg none, tail, bytes, unended, nul;
	size_t n;
	ck_assert_int_eq(raw(&none, "abc", 3), -1);
	ck_assert_int_eq(e.code, EPROTO);
	ck_assert_int_eq(raw(&tail, "\1\0\0\0\2\0", 6), 1);
	ck_assert_uint_eq(msg_get_u32(&tail), 0);
	ck_assert_uint_eq(msg_get_u64(&tail), 0);
	ck_assert_int_eq(msg_end(&tail, &e), -1);
	ck_assert_int_eq(raw(&bytes, "\1\0\0\0\xff\xff\xff\xffzz", 10), 1);
	ck_assert_ptr_nonnull(msg_get_bytes(&bytes, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(msg_end(&bytes, &e), -1);
	ck_assert_int_eq(raw(&unended, "\1\0\0\0\2\0\0\0zz", 10), 1);
	ck_assert_str_eq(msg_get_str(&unended), "");
	ck_assert_int_eq(msg_end(&unended, &e), -1);
	ck_assert_int_eq(raw(&nul, "\1\0\0\0\3\0\0\0a\0\0", 11), 1);
	ck_assert_str_eq(msg_get_str(&nul), "");
	ck_assert_int_eq(msg_end(&nul, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "malformed"));
}
END_TEST

START_TEST(what_is_left_over_is_found)
{
	automsg in;
	ck_assert_int_eq(raw(&in, "\1\0\0\0\2\0\0\0x", 9), 1);
	ck_assert_uint_eq(msg_get_u32(&in), 2);
	ck_assert_int_eq(msg_end(&in, &e), -1);
	ck_assert_int_eq(e.code, EPROTO);
}
END_TEST

START_TEST(too_long_a_message_is_refused)
{
	static char big[MSG_MAX + 5];
	automsg in;
	ck_assert_int_eq(raw(&in, big, sizeof big), -1);
	ck_assert_int_eq(e.code, EMSGSIZE);
}
END_TEST

/* More fds than a message may hold: an error, and none of them stays open here. */
START_TEST(a_flood_of_fds_is_closed)
{
	int fds[MSG_FDS + 4] = { 0 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof fds)];
	} c = { 0 };
	uint32_t type = 1;
	struct iovec iov = { .iov_base = &type, .iov_len = sizeof type };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = c.bytes,
			    .msg_controllen = sizeof c.bytes };
	struct cmsghdr *ch = CMSG_FIRSTHDR(&h);
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		fds[i] = STDERR_FILENO;
	ch->cmsg_level = SOL_SOCKET;
	ch->cmsg_type = SCM_RIGHTS;
	ch->cmsg_len = CMSG_LEN(sizeof fds);
	memcpy(CMSG_DATA(ch), fds, sizeof fds);
	int before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	close(before);
	ck_assert_int_eq(sendmsg(pair[0], &h, 0), 4);
	struct msg in;
	ck_assert_int_eq(msg_recv(pair[1], &in, &e), -1);
	ck_assert_int_eq(e.code, EPROTO);
	msg_done(&in);
	int after = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	close(after);
	ck_assert_int_eq(before, after);
}
END_TEST

START_TEST(a_peer_that_is_gone)
{
	automsg out, in, last;
	msg_init(&out, 7);
	ck_assert_int_eq(msg_send(pair[0], &out, &e), 0);
	fd_close(&pair[0]);
	ck_assert_int_eq(msg_recv(pair[1], &in, &e), 1);
	ck_assert_int_eq(msg_recv(pair[1], &last, &e), 0);
	ck_assert_int_eq(msg_send(pair[1], &out, &e), -1);
	ck_assert_int_eq(e.code, EPIPE);
}
END_TEST

START_TEST(sending_never_blocks)
{
	automsg out;
	int r = 0;
	msg_init(&out, 1);
	msg_put_bytes(&out, &e, sizeof e);
	for (int i = 0; r == 0 && i < 100000; i++)
		r = msg_send(pair[0], &out, &e);
	ck_assert_int_eq(r, -1);
	ck_assert_int_eq(e.code, EAGAIN);
}
END_TEST

START_TEST(receiving_waits_no_longer_than_told)
{
	automsg in, none, out, late;
	uint64_t start = clock_ms();
	ck_assert_int_eq(msg_recv_within(pair[1], &in, 30, &e), -1);
	ck_assert_int_eq(e.code, ETIMEDOUT);
	ck_assert_uint_ge(clock_ms() - start, 30);
	ck_assert_int_eq(fd_nonblock(pair[1], 1, &e), 0);
	ck_assert_int_eq(msg_recv(pair[1], &none, &e), -1);
	ck_assert_int_eq(e.code, EAGAIN);
	msg_init(&out, 9);
	ck_assert_int_eq(msg_send(pair[0], &out, &e), 0);
	ck_assert_int_eq(msg_recv_within(pair[1], &late, 10000, &e), 1);
	ck_assert_uint_eq(late.type, 9);
	automsg bad;
	ck_assert_int_eq(msg_recv(-1, &bad, &e), -1);
	ck_assert_int_eq(e.code, EBADF);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("msg");
	TCase *t = tcase_create("msg");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, every_field_arrives);
	tcase_add_test(t, fds_travel_and_belong_to_who_takes_them);
	tcase_add_test(t, a_missing_fd_makes_the_message_bad);
	tcase_add_test(t, too_many_fds_are_not_sent);
	tcase_add_test(t, the_largest_message_passes_and_no_larger);
	tcase_add_test(t, short_and_malformed_messages);
	tcase_add_test(t, what_is_left_over_is_found);
	tcase_add_test(t, too_long_a_message_is_refused);
	tcase_add_test(t, a_flood_of_fds_is_closed);
	tcase_add_test(t, a_peer_that_is_gone);
	tcase_add_test(t, sending_never_blocks);
	tcase_add_test(t, receiving_waits_no_longer_than_told);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
