#include "protocol/json_room.h"

#include "base/buf.h"
#include "protocol/json.h"

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MANY = 20000, LONG = 3 << 20 };

/* A list of n objects, read. */
static json_t *read_many(unsigned n)
{
	struct err e = { 0 };
	autobuf text = BUF(8 << 20);
	ck_assert_int_eq(buf_char(&text, '[', &e), 0);
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(buf_printf(&text, &e, "%s{\"key\": %u, \"name\": \"n%u\"}",
					    i ? "," : "", i, i),
				 0);
	ck_assert_int_eq(buf_char(&text, ']', &e), 0);
	return json_read(buf_cstr(&text), text.len, text.max, &e);
}

static void check_many(const json_t *list, unsigned n)
{
	ck_assert_uint_eq(json_array_size(list), n);
	for (unsigned i = 0; i < n; i++) {
		const json_t *o = json_array_get(list, i);
		ck_assert_int_eq(json_integer_value(json_object_get(o, "key")), i);
		char name[16];
		snprintf(name, sizeof name, "n%u", i);
		ck_assert_str_eq(json_string_value(json_object_get(o, "name")), name);
	}
}

START_TEST(documents_are_read_in_the_room_and_after_it)
{
	for (int round = 0; round < 2; round++) {
		json_room_enter();
		json_t *list = read_many(MANY);
		check_many(list, MANY);
		json_decref(list);
		json_room_leave();
		list = read_many(10);
		check_many(list, 10);
		json_decref(list);
	}
}
END_TEST

START_TEST(a_value_may_be_larger_than_a_block)
{
	struct err e = { 0 };
	autobuf text = BUF(LONG + 16);
	ck_assert_int_eq(buf_str(&text, "[\"", &e), 0);
	ck_assert_int_eq(buf_reserve(&text, LONG, &e), 0);
	memset(text.p + text.len, 'x', LONG);
	text.len += LONG;
	text.p[text.len] = '\0';
	ck_assert_int_eq(buf_str(&text, "\"]", &e), 0);
	json_room_enter();
	json_t *j = json_read(buf_cstr(&text), text.len, text.max, &e);
	ck_assert_uint_eq(json_string_length(json_array_get(j, 0)), LONG);
	json_decref(j);
	json_room_leave();
}
END_TEST

START_TEST(texts_of_both_kinds_are_freed)
{
	json_t *outside = read_many(3);
	char *text = json_dumps(outside, JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_int_eq(strncmp(text, "[{\"key\":0,", 10), 0);
	json_text_free(text);
	json_decref(outside);
	json_room_enter();
	json_t *inside = read_many(3);
	text = json_dumps(inside, JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_int_eq(strncmp(text, "[{\"key\":0,", 10), 0);
	json_text_free(text);
	json_decref(inside);
	json_room_leave();
}
END_TEST

#ifndef COURSER_SANITIZED /* there it is no room */
START_TEST(nothing_of_the_room_is_left)
{
	unsigned char there;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	json_room_enter();
	json_t *list = read_many(MANY);
	void *at = (void *)((uintptr_t)json_array_get(list, MANY / 2) & ~(page - 1));
	ck_assert_int_eq(mincore(at, page, &there), 0);
	json_decref(list);
	json_room_leave();
	ck_assert_int_eq(mincore(at, page, &there), -1);
	ck_assert_int_eq(errno, ENOMEM);
}
END_TEST
#endif

int main(void)
{
	Suite *s = suite_create("json_room");
	TCase *t = tcase_create("json_room");
	tcase_add_test(t, documents_are_read_in_the_room_and_after_it);
	tcase_add_test(t, a_value_may_be_larger_than_a_block);
	tcase_add_test(t, texts_of_both_kinds_are_freed);
#ifndef COURSER_SANITIZED
	tcase_add_test(t, nothing_of_the_room_is_left);
#endif
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
