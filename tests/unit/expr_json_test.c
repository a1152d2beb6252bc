#include "executor/expr_json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;

static void setup(void)
{
	arena = (struct arena)ARENA(64 << 20);
}

static void teardown(void)
{
	arena_done(&arena);
}

static const struct expr_value *read(const char *text)
{
	struct err e = { 0 };
	const struct expr_value *v = expr_json_read(text, strlen(text), &arena, &e);
	ck_assert_msg(v != NULL, "%s: %s", text, e.msg);
	return v;
}

static void same(const char *text, const char *want)
{
	struct err e = { 0 };
	autobuf out = BUF(1 << 20);
	ck_assert_int_eq(expr_json_write(&out, read(text), &e), 0);
	ck_assert_str_eq(buf_cstr(&out), want);
}

START_TEST(values)
{
	static const char *const again[] = {
		"null",
		"true",
		"false",
		"0",
		"-1.5",
		"1E+15",
		"\"\"",
		"\"a\\\"b\\\\c\"",
		"[]",
		"{}",
		"[\n  1,\n  [],\n  {}\n]",
		"{\n  \"a\": {\n    \"b\": [\n      null\n    ]\n  },\n  \"c\": 1\n}",
		"NaN",
		"Infinity",
		"-Infinity",
		"\"\\u0000\\u001f\\b\\f\\n\\r\\t\x7f/é😀\"",
		"\"\\u0085\\u2028\\u2029\"",
	};
	for (size_t i = 0; i < sizeof again / sizeof *again; i++)
		same(again[i], again[i]);
	same(" [ 1 ,\t2\n]\r\n", "[\n  1,\n  2\n]");
	same("{\"a\":1e2,\"b\":-0}", "{\n  \"a\": 100,\n  \"b\": -0\n}");
	same("\"\\u00e9\\ud83d\\ude00\\/\\uD83D\\u0041\\udc00\"", "\"é😀/\xef\xbf\xbd"
								  "A\xef\xbf\xbd\"");
	same("\"\xff\"", "\"\xef\xbf\xbd\"");
	same("{\"\xc3\":1,\"\xff\":2}", "{\n  \"\xef\xbf\xbd\": 2\n}");
}
END_TEST

START_TEST(members)
{
	const struct expr_value *v = read("{\"Key\":1,\"x\":2,\"kEY\":3}");
	ck_assert_uint_eq(v->n, 2);
	ck_assert_str_eq(v->pairs[0].key, "Key");
	ck_assert(expr_object_get(v, "KEY", 3)->number == 3);
	ck_assert_ptr_null(expr_object_get(v, "KE", 2));
	ck_assert_ptr_null(expr_object_get(v, "", 0));
}
END_TEST

START_TEST(many_members)
{
	enum { MANY = 5000 };
	autobuf text = BUF(1 << 20);
	struct err e = { 0 };
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(buf_printf(&text, &e, "%s\"Key%d\":%d", i ? "," : "{", i, i), 0);
	ck_assert_int_eq(buf_str(&text, ",\"key17\":-1}", &e), 0);
	const struct expr_value *v = read(text.p);
	ck_assert_uint_eq(v->n, MANY);
	for (int i = 0; i < MANY; i++) {
		char key[16];
		int n = snprintf(key, sizeof key, "kEY%d", i);
		const struct expr_value *found = expr_object_get(v, key, (size_t)n);
		ck_assert(found && (int)found->number == (i == 17 ? -1 : i));
	}
	ck_assert_ptr_null(expr_object_get(v, "key5000", 7));
}
END_TEST

START_TEST(what_is_wrong_has_a_place)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
		{ "", "line 1, column 1: a value is expected here" },
		{ " ", "line 1, column 2: a value is expected here" },
		{ "nul", "line 1, column 1: a value" },
		{ "[1\n,,2]", "line 2, column 2: a value" },
		{ "[1,]", "line 1, column 4: a value" },
		{ "[1 2]", "line 1, column 4: \",\" or \"]\"" },
		{ "{\"a\":1 \"b\"}", "line 1, column 8: \",\" or \"}\"" },
		{ "{\"a\" 1}", "line 1, column 6: \":\"" },
		{ "{a:1}", "line 1, column 2: a key" },
		{ "{\"a\":1,}", "line 1, column 8: a key" },
		{ "\"a", "line 1, column 1: the string that begins here" },
		{ "\"a\\\"", "line 1, column 1: the string that begins here" },
		{ "\"\\x\"", "line 1, column 3: unknown escape" },
		{ "\"\\u12g4\"", "line 1, column 6: \\u needs" },
		{ "\"\\ud800\\u1\"", "\\u needs" },
		{ "\"é\n\"", "line 1, column 3: a control character" },
		{ "01", "this is no number" },
		{ "1.", "this is no number" },
		{ "-", "this is no number" },
		{ "1e", "this is no number" },
		{ "1 2", "line 1, column 3: nothing more" },
		{ "'a'", "a value is expected" },
		{ "--Infinity", "this is no number" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = { 0 };
		const char *text = bad[i].text;
		ck_assert_ptr_null(expr_json_read(text, strlen(text), &arena, &e));
		ck_assert_msg(strstr(e.msg, bad[i].want) != NULL, "%s: %s", text, e.msg);
	}
}
END_TEST

START_TEST(depth_has_a_limit)
{
	char text[200] = "";
	struct err e = { 0 };
	for (int deep = EXPR_JSON_DEPTH; deep <= EXPR_JSON_DEPTH + 1; deep++) {
		memset(text, '[', (size_t)deep);
		memset(text + deep, ']', (size_t)deep);
		bool good = expr_json_read(text, 2 * (size_t)deep, &arena, &e) != NULL;
		ck_assert_int_eq(good, deep == EXPR_JSON_DEPTH);
	}
	ck_assert_ptr_nonnull(strstr(e.msg, "nested too deeply"));
	const struct expr_value *v = &expr_null;
	for (int i = 0; i <= EXPR_JSON_WRITE_DEPTH; i++) {
		struct expr_value *array = expr_array_new(&arena, &e);
		ck_assert(array && expr_array_add(array, v, &arena, &e) == 0);
		v = array;
	}
	autobuf out = BUF(1 << 20);
	ck_assert_int_eq(expr_json_write(&out, v, &e), -1);
}
END_TEST

START_TEST(memory_has_a_limit)
{
	static const char *const texts[] = { "\"aaaaaaaaaaaaaaaa\"", "[1,2,3,4,5,6,7,8,9]",
					     "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5}" };
	for (size_t i = 0; i < 3; i++)
		for (size_t max = 0; max < 300; max += 20) {
			struct err e = { 0 };
			struct arena small = ARENA(max);
			if (!expr_json_read(texts[i], strlen(texts[i]), &small, &e))
				ck_assert_ptr_nonnull(strstr(e.msg, "memory limit"));
			arena_done(&small);
		}
	struct err e = { 0 };
	struct buf out = BUF(5);
	ck_assert_int_eq(expr_json_write(&out, read("[1,2]"), &e), -1);
	buf_done(&out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("expr_json");
	TCase *t = tcase_create("expr_json");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, values);
	tcase_add_test(t, members);
	tcase_add_test(t, many_members);
	tcase_add_test(t, what_is_wrong_has_a_place);
	tcase_add_test(t, depth_has_a_limit);
	tcase_add_test(t, memory_has_a_limit);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
