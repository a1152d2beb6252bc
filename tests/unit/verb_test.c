#include "base/verb.h"

#include "base/fd.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ADD = 1, REFUSE = 2 };

static int pair[2];
static struct err e;

static int add(void *arg, struct msg *m, struct err *why)
{
	unsigned *sum = arg;
	*sum += msg_get_u32(m);
	return msg_end(m, why);
}

static int refuse(void *arg, struct msg *m, struct err *why)
{
	(void)arg;
	(void)m;
	return err_set(why, EPERM, "refused");
}

static const struct verb verbs[] = { { ADD, add }, { REFUSE, refuse } };

static void setup(void)
{
	memset(&e, 0, sizeof e);
	ck_assert_int_eq(msg_pair(pair, &e), 0);
	ck_assert_int_eq(fd_nonblock(pair[1], 0, &e), 0);
}

static void teardown(void)
{
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void say(uint32_t type, uint32_t value)
{
	automsg m;
	msg_init(&m, type);
	msg_put_u32(&m, value);
	ck_assert_int_eq(msg_send(pair[0], &m, &e), 0);
}

static int serve(unsigned *sum)
{
	return verb_serve(pair[1], verbs, sizeof verbs / sizeof *verbs, sum, &e);
}

START_TEST(each_message_has_its_row_until_the_peer_is_gone)
{
	unsigned sum = 0;
	say(ADD, 40);
	say(ADD, 2);
	fd_close(&pair[0]);
	ck_assert_int_eq(serve(&sum), 0);
	ck_assert_uint_eq(sum, 42);
	ck_assert_int_eq(e.code, 0);
}
END_TEST

START_TEST(what_has_no_row_ends_it)
{
	unsigned sum = 0;
	say(77, 1);
	say(ADD, 1);
	ck_assert_int_eq(serve(&sum), -1);
	ck_assert_int_eq(e.code, EPROTO);
	ck_assert_str_eq(e.msg, "message 77");
	ck_assert_uint_eq(sum, 0);
}
END_TEST

START_TEST(what_cannot_be_served_ends_it)
{
	unsigned sum = 0;
	say(REFUSE, 1);
	say(ADD, 1);
	ck_assert_int_eq(serve(&sum), -1);
	ck_assert_int_eq(e.code, EPERM);
	ck_assert_uint_eq(sum, 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("verb");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, each_message_has_its_row_until_the_peer_is_gone);
	tcase_add_test(t, what_has_no_row_ends_it);
	tcase_add_test(t, what_cannot_be_served_ends_it);
	Suite *s = suite_create("verb");
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
