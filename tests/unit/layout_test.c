#include "base/layout.h"

#include "base/fd.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { ALL = 1, SHORT, TYPES };

struct all {
	uint32_t small;
	uint64_t large, many[3];
	double real;
	const char *text, *none;
	int fd, absent;
};
struct short_one {
	uint32_t small;
};

static const struct layout rows[TYPES] = {
	[ALL] = LAYOUT(struct all, LAYOUT_FIELD(U32, struct all, small),
		       LAYOUT_FIELD(U64, struct all, large),
		       { LAYOUT_U64S, offsetof(struct all, many), 3 },
		       LAYOUT_FIELD(DOUBLE, struct all, real), LAYOUT_FIELD(STR, struct all, text),
		       LAYOUT_FIELD(STR, struct all, none), LAYOUT_FIELD(FD, struct all, fd),
		       LAYOUT_FIELD(FD, struct all, absent)),
	[SHORT] = LAYOUT(struct short_one, LAYOUT_FIELD(U32, struct short_one, small)),
};
static const struct layout_table table = { "test", rows, TYPES };

static int sv[2];

static void setup(void)
{
	struct err e = { 0 };
	ck_assert_int_eq(msg_pair(sv, &e), 0);
}

static void teardown(void)
{
	fd_close(&sv[0]);
	fd_close(&sv[1]);
}

START_TEST(every_kind_of_field_arrives)
{
	struct err e = { 0 };
	autofd fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct all sent = { 7, 1ULL << 50, { 1, 2, 3 }, 2.5, "text", NULL, fd, -1 }, got;
	ck_assert_int_eq(layout_send(&table, sv[0], ALL, &sent, &e), 0);
	automsg m;
	ck_assert_int_eq(msg_recv(sv[1], &m, &e), 1);
	ck_assert_int_eq(layout_take(&table, &m, &got, &e), 0);
	ck_assert_uint_eq(got.small, 7);
	ck_assert_uint_eq(got.large, 1ULL << 50);
	ck_assert_uint_eq(got.many[2], 3);
	ck_assert(got.real > 2.4 && got.real < 2.6);
	ck_assert_str_eq(got.text, "text");
	ck_assert_str_eq(got.none, "");
	ck_assert_int_ge(got.fd, 0);
	ck_assert_int_eq(got.absent, -1);
	fd_close(&got.fd);
}
END_TEST

START_TEST(a_type_without_a_row_is_refused)
{
	struct err e = { 0 };
	struct all none = { .fd = -1, .absent = -1 };
	ck_assert_int_eq(layout_send(&table, sv[0], 0, &none, &e), -1);
	ck_assert_str_eq(e.msg, "test message 0: unknown");
	ck_assert_int_eq(layout_send(&table, sv[0], TYPES, &none, &e), -1);
}
END_TEST

/* An fd that came with a message of the wrong shape does not stay open. */
START_TEST(a_malformed_message_leaves_no_fd)
{
	struct err e = { 0 };
	automsg m;
	msg_init(&m, ALL);
	msg_put_u32(&m, 1);
	autofd fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	msg_put_fd(&m, fd);
	ck_assert_int_eq(msg_send(sv[0], &m, &e), 0);
	int free_before = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	close(free_before);
	automsg in;
	struct all got;
	ck_assert_int_eq(msg_recv(sv[1], &in, &e), 1);
	ck_assert_int_eq(layout_take(&table, &in, &got, &e), -1);
	msg_done(&in);
	msg_init(&in, ALL);
	int free_after = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	close(free_after);
	ck_assert_int_eq(free_after, free_before);
}
END_TEST

struct small {
	bool yes, no;
	char text[8];
	int fd;
};
static const struct layout small = LAYOUT(
	struct small, LAYOUT_FIELD(BOOL, struct small, yes), LAYOUT_FIELD(BOOL, struct small, no),
	LAYOUT_FIELD_TEXT(struct small, text), LAYOUT_FIELD(FD, struct small, fd));

/* A struct and more behind it; a text that is longer than its room. */
START_TEST(a_layout_alone)
{
	struct err e = { 0 };
	struct small sent = { true, false, "seven77", -1 }, got;
	automsg m, in;
	msg_init(&m, 1);
	layout_put(&small, &m, &sent);
	msg_put_u32(&m, 5);
	ck_assert_int_eq(msg_send(sv[0], &m, &e), 0);
	ck_assert_int_eq(msg_recv(sv[1], &in, &e), 1);
	layout_get(&small, &in, &got);
	ck_assert_uint_eq(msg_get_u32(&in), 5);
	ck_assert_int_eq(layout_end(&small, &in, &got, &e), 0);
	ck_assert(got.yes && !got.no && got.fd == -1);
	ck_assert_str_eq(got.text, "seven77");
	ck_assert_int_eq(layout_end(&small, &m, &got, &e), -1);
}
END_TEST

START_TEST(a_long_text_is_cut)
{
	struct err e = { 0 };
	struct small got;
	automsg m, in;
	msg_init(&m, 1);
	msg_put_u32(&m, 2);
	msg_put_u32(&m, 0);
	msg_put_str(&m, "longer than the room");
	msg_put_u32(&m, 0);
	ck_assert_int_eq(msg_send(sv[0], &m, &e), 0);
	ck_assert_int_eq(msg_recv(sv[1], &in, &e), 1);
	layout_get(&small, &in, &got);
	ck_assert_int_eq(layout_end(&small, &in, &got, &e), 0);
	ck_assert(got.yes && !got.no);
	ck_assert_str_eq(got.text, "longer ");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("layout");
	TCase *t = tcase_create("layout");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, every_kind_of_field_arrives);
	tcase_add_test(t, a_type_without_a_row_is_refused);
	tcase_add_test(t, a_malformed_message_leaves_no_fd);
	tcase_add_test(t, a_layout_alone);
	tcase_add_test(t, a_long_text_is_cut);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
