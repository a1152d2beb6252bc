#include "sandbox/sandbox.h"

#include "base/fd.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static struct err e;
static int pair[2];
static struct msg m;

static void setup(void)
{
	err_clear(&e);
	ck_assert_int_eq(msg_pair(pair, &e), 0);
	msg_init(&m, 0);
}

static void teardown(void)
{
	msg_done(&m);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void receive(uint32_t type)
{
	ck_assert_msg(msg_recv_within(pair[1], &m, 1000, &e) == 1, "%s", e.msg);
	ck_assert_uint_eq(m.type, type);
}

/* Send what was put into out, and take it as m. */
static void pass(struct msg *out)
{
	ck_assert_int_eq(msg_send(pair[0], out, &e), 0);
	receive(out->type);
	msg_done(out);
}

START_TEST(a_request_holds_the_spec_and_the_fds)
{
	struct sandbox_spec s;
	size_t n;
	sandbox_spec_init(&s);
	const int fds[] = { pair[0], STDIN_FILENO, -1 };
	ck_assert_int_eq(sandbox_spawn_request(pair[0], 77, &s, fds, &e), 0);
	receive(SANDBOX_SPAWN);
	ck_assert_uint_eq(msg_get_u64(&m), 77);
	const void *bytes = msg_get_bytes(&m, &n);
	ck_assert_uint_eq(n, sizeof s);
	ck_assert_mem_eq(bytes, &s, n);
	ck_assert_uint_eq(m.nfds, 2);
}
END_TEST

START_TEST(a_preparation_holds_the_spec_alone)
{
	struct sandbox_spec s;
	size_t n;
	sandbox_spec_init(&s);
	ck_assert_int_eq(sandbox_prepare_request(pair[0], &s, &e), 0);
	receive(SANDBOX_PREPARE);
	ck_assert_uint_eq(msg_get_u64(&m), 0);
	ck_assert_mem_eq(msg_get_bytes(&m, &n), &s, sizeof s);
	ck_assert_int_eq(msg_end(&m, &e), 0);
}
END_TEST

START_TEST(a_reply_with_everything)
{
	struct sandbox_made made;
	automsg out;
	msg_init(&out, SANDBOX_SPAWNED);
	msg_put_u64(&out, 5);
	msg_put_u32(&out, 1);
	msg_put_str(&out, "landlock: ABI 3\n");
	msg_put_u32(&out, 7);
	msg_put_u32(&out, 8);
	for (int i = 0; i < 4; i++)
		msg_put_fd(&out, STDIN_FILENO);
	pass(&out);
	ck_assert_int_eq(sandbox_spawn_reply(&m, &made, &e), 0);
	ck_assert_int_eq(made.what, SANDBOX_MADE);
	ck_assert_uint_eq(made.cookie, 5);
	ck_assert_str_eq(made.text, "landlock: ABI 3\n");
	ck_assert_uint_eq(made.uid, 7);
	ck_assert_uint_eq(made.gid, 8);
	ck_assert_int_ge(made.init, 0);
	ck_assert_int_ge(made.mntns, 0);
	sandbox_made_done(&made);
	ck_assert_int_eq(made.init, -1);
}
END_TEST

START_TEST(a_refusal_and_an_end)
{
	struct sandbox_made made;
	automsg out, gone;
	msg_init(&out, SANDBOX_SPAWNED);
	msg_put_u64(&out, 5);
	msg_put_u32(&out, 0);
	msg_put_str(&out, "spec: version");
	pass(&out);
	ck_assert_int_eq(sandbox_spawn_reply(&m, &made, &e), 0);
	ck_assert_int_eq(made.what, SANDBOX_REFUSED);
	ck_assert_str_eq(made.text, "spec: version");
	ck_assert_int_eq(made.pidfd, -1);
	msg_done(&m);
	msg_init(&gone, SANDBOX_GONE);
	msg_put_u64(&gone, 6);
	msg_put_u32(&gone, 137);
	pass(&gone);
	ck_assert_int_eq(sandbox_spawn_reply(&m, &made, &e), 0);
	ck_assert_int_eq(made.what, SANDBOX_ENDED);
	ck_assert_uint_eq(made.cookie, 6);
	ck_assert_uint_eq(made.status, 137);
}
END_TEST

START_TEST(a_malformed_reply_leaves_nothing_open)
{
	struct sandbox_made made = { .cookie = 99 };
	automsg out;
	msg_init(&out, SANDBOX_SPAWNED);
	msg_put_u64(&out, 5);
	msg_put_u32(&out, 1);
	msg_put_str(&out, "");
	msg_put_u32(&out, 7);
	msg_put_u32(&out, 8);
	msg_put_fd(&out, STDIN_FILENO); /* three are missing */
	pass(&out);
	int fd = m.fds[0];
	ck_assert_int_eq(sandbox_spawn_reply(&m, &made, &e), -1);
	ck_assert_uint_eq(made.cookie, 99);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_int_eq(e.code, EPROTO);
}
END_TEST

START_TEST(a_long_text_is_cut)
{
	char text[4000];
	struct sandbox_made made;
	automsg out;
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	msg_init(&out, SANDBOX_SPAWNED);
	msg_put_u64(&out, 5);
	msg_put_u32(&out, 0);
	msg_put_str(&out, text);
	pass(&out);
	ck_assert_int_eq(sandbox_spawn_reply(&m, &made, &e), 0);
	ck_assert_uint_eq(strlen(made.text), sizeof made.text - 1);
}
END_TEST

START_TEST(events)
{
	struct sandbox_event ev;
	automsg out, bad;
	msg_init(&out, SANDBOX_INIT_ENDED);
	for (uint32_t v = 7; v < 11; v++)
		msg_put_u32(&out, v);
	msg_put_str(&out, "text");
	pass(&out);
	ck_assert_int_eq(sandbox_init_event(&m, &ev, &e), 0);
	ck_assert_int_eq(ev.what, SANDBOX_INIT_ENDED);
	ck_assert_uint_eq(ev.id, 7);
	ck_assert_uint_eq(ev.pid, 8);
	ck_assert(ev.signalled);
	ck_assert_uint_eq(ev.code, 10);
	ck_assert_str_eq(ev.text, "text");
	msg_done(&m);
	msg_init(&bad, SANDBOX_INIT_RUN);
	pass(&bad);
	ck_assert_int_eq(sandbox_init_event(&m, &ev, &e), -1);
	ck_assert_int_eq(e.code, EPROTO);
}
END_TEST

/* What may bring an fd with it brings it to who takes it. */
START_TEST(a_file_that_was_opened)
{
	struct sandbox_event ev;
	automsg out;
	msg_init(&out, SANDBOX_INIT_OPENED);
	for (uint32_t v = 0; v < 4; v++)
		msg_put_u32(&out, 0);
	msg_put_str(&out, "");
	msg_put_fd(&out, pair[0]);
	pass(&out);
	ck_assert_int_eq(sandbox_init_event(&m, &ev, &e), 0);
	ck_assert_int_eq(ev.what, SANDBOX_INIT_OPENED);
	autofd fd = msg_get_fd(&m);
	ck_assert_int_ge(fd, 0);
	msg_done(&m);
	ck_assert_int_eq(sandbox_init_open(pair[0], "/d", "f", &e), 0);
	ck_assert_int_eq(msg_recv_within(pair[1], &m, 1000, &e), 1);
	ck_assert_uint_eq(m.type, SANDBOX_INIT_OPEN);
}
END_TEST

START_TEST(a_step_with_too_little_is_not_sent)
{
	const char *const argv[] = { "sh", NULL };
	struct sandbox_run run = { .argv = argv, .cwd = "/", .env = -1, .script = -1 };
	ck_assert_int_eq(sandbox_init_run(pair[0], &run, &e), -1);
	ck_assert_int_eq(sandbox_init_file(pair[0], "/files", "name", -1, &e), -1);
	ck_assert_int_eq(msg_recv_within(pair[1], &m, 0, &e), -1);
	ck_assert_int_eq(e.code, ETIMEDOUT);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("sandbox");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_file_that_was_opened);
	tcase_add_test(t, a_request_holds_the_spec_and_the_fds);
	tcase_add_test(t, a_preparation_holds_the_spec_alone);
	tcase_add_test(t, a_reply_with_everything);
	tcase_add_test(t, a_refusal_and_an_end);
	tcase_add_test(t, a_malformed_reply_leaves_nothing_open);
	tcase_add_test(t, a_long_text_is_cut);
	tcase_add_test(t, events);
	tcase_add_test(t, a_step_with_too_little_is_not_sent);
	Suite *s = suite_create("sandbox");
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
