#include "executor/expr.h"
#include "executor/expr_json.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char contexts[] =
	"{\"github\":{\"ref\":\"refs/heads/Main\",\"Event\":{\"n\":3,\"list\":[10,20,30]},\"token\":null},"
	" \"env\":{\"A\":\"1\",\"empty\":\"\"},"
	" \"steps\":{\"one\":{\"outputs\":{\"x\":\"1\"},\"ok\":true},\"two\":{\"outputs\":{\"x\":\"2\"}},"
	"            \"three\":{\"ok\":false}},"
	" \"matrix\":{\"os\":[{\"name\":\"linux\",\"tags\":[\"a\",\"b\"]},{\"name\":\"bsd\",\"tags\":[\"c\"]},7]},"
	" \"nothing\":null}";

static struct arena arena;
static bool job_succeeded, job_cancelled;
static char asked[200];

static int status(void *arg, enum expr_status which, bool *ret, struct err *e)
{
	(void)arg;
	(void)e;
	*ret = which == EXPR_ALWAYS || (which == EXPR_SUCCESS && job_succeeded) ||
	       (which == EXPR_FAILURE && !job_succeeded && !job_cancelled) ||
	       (which == EXPR_CANCELLED && job_cancelled);
	return 0;
}

static int hash_files(void *arg, const struct expr_patterns *p, char ret[65], struct err *e)
{
	(void)arg;
	if (strcmp(p->texts[p->n - 1], "bad") == 0)
		return err_set(e, EACCES, "bad: not readable");
	snprintf(asked, sizeof asked, "%s%s*%zu", p->follow_links ? "follow " : "", p->texts[0],
		 p->n);
	memcpy(ret, "abc123", 7);
	return 0;
}

static struct expr_scope scope = { .status = status, .hash_files = hash_files };
static struct expr x;

static void setup(void)
{
	struct err e = { 0 };
	arena = (struct arena)ARENA(EXPR_MEMORY);
	scope.contexts = expr_json_read(contexts, sizeof contexts - 1, &arena, &e);
	ck_assert_msg(scope.contexts != NULL, "%s", e.msg);
	x = (struct expr){ .a = &arena, .scope = &scope };
	job_succeeded = true;
	job_cancelled = false;
}

static void teardown(void)
{
	arena_done(&arena);
}

struct row {
	const char *text, *want; /* a value as JSON without white space; an error's end */
};

static void is(const char *text, const struct expr_value *v, const char *want, const struct err *e)
{
	struct err wrong = { 0 };
	autobuf out = BUF(1 << 20), plain = BUF(1 << 20);
	ck_assert_msg(v != NULL, "%s: %s", text, e->msg);
	ck_assert_int_eq(expr_json_write(&out, v, &wrong), 0);
	for (size_t i = 0; i < out.len; i++)
		if (out.p[i] != '\n' && (out.p[i] != ' ' || v->kind == EXPR_STRING))
			ck_assert_int_eq(buf_char(&plain, out.p[i], &wrong), 0);
	ck_assert_msg(strcmp(buf_cstr(&plain), want) == 0, "%s: %s, not %s", text, buf_cstr(&plain),
		      want);
}

static void all_are(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct err e = { 0 };
		is(rows[i].text, expr_eval(&x, rows[i].text, strlen(rows[i].text), &e),
		   rows[i].want, &e);
	}
}

START_TEST(literals)
{
	static const struct row rows[] = {
		{ "null", "null" },
		{ "true", "true" },
		{ " false\t", "false" },
		{ "1", "1" },
		{ "-1.50", "-1.5" },
		{ "+2", "2" },
		{ ".5", "0.5" },
		{ "5.", "5" },
		{ "0xff", "255" },
		{ "0o17", "15" },
		{ "1e18", "1E+18" },
		{ "-1E-5", "-1E-05" },
		{ "NaN", "NaN" },
		{ "Infinity", "Infinity" },
		{ "-Infinity", "-Infinity" },
		{ "''", "\"\"" },
		{ "'it''s ''''x'", "\"it's ''x\"" },
		{ "'}} \"${{'", "\"}} \\\"${{\"" },
		{ "'é\n'", "\"é\\n\"" },
		{ "((1))", "1" },
		{ "-0", "-0" },
		{ "0xffffffff", "-1" },
	};
	all_are(rows, sizeof rows / sizeof *rows);
}
END_TEST

START_TEST(contexts_and_indexes)
{
	static const struct row rows[] = {
		{ "github.ref", "\"refs/heads/Main\"" },
		{ "GITHUB.REF", "\"refs/heads/Main\"" },
		{ "github['ref']", "\"refs/heads/Main\"" },
		{ "github [ 'ref' ] ", "\"refs/heads/Main\"" },
		{ "github . ref", "\"refs/heads/Main\"" },
		{ "github.event.list[1]", "20" },
		{ "github.event.list['1']", "20" },
		{ "github.event.list[1.9]", "20" },
		{ "github.event.list[true]", "20" },
		{ "github.event.list[null]", "10" },
		{ "github.event.list['']", "10" },
		{ "github.event.list['x']", "null" },
		{ "github.event.list[3]", "null" },
		{ "github.event.list[-1]", "null" },
		{ "github.event.list[-0.5]", "null" },
		{ "github.event.list[NaN]", "null" },
		{ "github.event.list[1e300]", "null" },
		{ "github.event.list[Infinity]", "null" },
		{ "github.event.list[github.event]", "null" },
		{ "github.event.list.length", "null" },
		{ "github[github]", "null" },
		{ "github.none.none.none", "null" },
		{ "github.ref.x", "null" },
		{ "github.ref[0]", "null" },
		{ "nothing.x", "null" },
		{ "env.A", "\"1\"" },
		{ "env.true", "null" },
		{ "fromJSON('{\"true\":1}').true", "1" },
		{ "fromJSON('{\"1\":\"one\",\"\":\"none\"}')[1]", "\"one\"" },
		{ "fromJSON('{\"1\":\"one\",\"\":\"none\"}')[null]", "\"none\"" },
		{ "(github).ref", "\"refs/heads/Main\"" },
		{ "(null)['x']", "null" },
		{ "github.event[format('li{0}','st')][0]", "10" },
	};
	all_are(rows, sizeof rows / sizeof *rows);
}
END_TEST

START_TEST(filters)
{
	static const struct row rows[] = {
		{ "github.event.list.*", "[10,20,30]" },
		{ "github.event.list[*]", "[10,20,30]" },
		{ "steps.*.outputs.x", "[\"1\",\"2\"]" },
		{ "steps.*.ok", "[true,false]" },
		{ "steps.*.none", "[]" },
		{ "matrix.os.*.name", "[\"linux\",\"bsd\"]" },
		{ "matrix.os.*.tags", "[[\"a\",\"b\"],[\"c\"]]" },
		{ "matrix.os.*.tags.*", "[\"a\",\"b\",\"c\"]" },
		{ "matrix.os.*.tags[1]", "[\"b\"]" },
		{ "matrix.os.*.tags.*.x", "[]" },
		{ "(matrix.os.*)[0]", "[]" },
		{ "fromJSON(toJSON(matrix.os.*))[2]", "7" },
		{ "matrix.*.*.name", "[\"linux\",\"bsd\"]" },
		{ "github.ref.*", "[]" },
		{ "null || nothing.*", "[]" },
		{ "steps[*]['outputs'][*]", "[\"1\",\"2\"]" },
		{ "contains(steps.*.outputs.x, 2)", "true" },
		{ "join(matrix.os.*.name, '+')", "\"linux+bsd\"" },
	};
	all_are(rows, sizeof rows / sizeof *rows);
}
END_TEST

START_TEST(operators)
{
	static const struct row rows[] = {
		{ "!true", "false" },
		{ "!!'x'", "true" },
		{ "!''", "true" },
		{ "!0", "true" },
		{ "!-0", "true" },
		{ "!NaN", "true" },
		{ "!'0'", "false" },
		{ "!github", "false" },
		{ "!null", "true" },
		{ "!github.event.list", "false" },
		{ "1 && 'x'", "\"x\"" },
		{ "0 && 'x'", "0" },
		{ "'' || 'x'", "\"x\"" },
		{ "'a' || 'x'", "\"a\"" },
		{ "null || ''", "\"\"" },
		{ "1 && 2 && 0 && 3", "0" },
		{ "0 || null || false", "false" },
		{ "1 || 0 && 0", "1" },
		{ "(1 || 0) && 0", "0" },
		{ "true && false || 'c'", "\"c\"" },
		{ "!0 == true", "true" },
		{ "1 < 2 == true", "true" },
		{ "1 == 1 == 1", "true" },
		{ "false && fromJSON('{')", "false" },
		{ "true || fromJSON('{')", "true" },
		{ "1 != 1 || 2 >= 2", "true" },
		{ "!(1 > 2)", "true" },
		{ "1<2&&2<3", "true" },
		{ "1 == !0", "true" },
	};
	all_are(rows, sizeof rows / sizeof *rows);
}
END_TEST

START_TEST(comparisons)
{
	static const struct row rows[] = {
		{ "'A' == 'a'", "true" },
		{ "'é' == 'É'", "true" },
		{ "'a' < 'B'", "true" },
		{ "'a' > '_'", "false" },
		{ "'b' >= 'A'", "true" },
		{ "'ab' <= 'abc'", "true" },
		{ "1 == '1'", "true" },
		{ "'0x10' == 16", "true" },
		{ "'1e1' == 10", "true" },
		{ "' 1 ' == 1", "true" },
		{ "'' == 0", "true" },
		{ "'x' == 0", "false" },
		{ "'x' != 0", "true" },
		{ "null == 0", "true" },
		{ "null == ''", "true" },
		{ "null == false", "true" },
		{ "null == null", "true" },
		{ "true == 1", "true" },
		{ "true == '1'", "true" },
		{ "true == 'true'", "false" },
		{ "false == ''", "true" },
		{ "NaN == NaN", "false" },
		{ "NaN != NaN", "true" },
		{ "NaN < 1", "false" },
		{ "NaN >= NaN", "false" },
		{ "github == github", "true" },
		{ "github == steps", "false" },
		{ "github == 'Object'", "false" },
		{ "github == null", "false" },
		{ "github != NaN", "true" },
		{ "github >= github", "true" },
		{ "github < github", "false" },
		{ "steps.* == steps.*", "false" },
		{ "fromJSON('[]') == fromJSON('[]')", "false" },
		{ "true > false", "true" },
		{ "false < true", "true" },
		{ "true < true", "false" },
		{ "null >= null", "true" },
		{ "null < 1", "true" },
		{ "'10' > 9", "true" },
		{ "'10' > '9'", "false" },
		{ "Infinity == Infinity", "true" },
		{ "-0 == 0", "true" },
		{ "'abc' < 1", "false" },
		{ "github.event.list == 1", "false" },
	};
	all_are(rows, sizeof rows / sizeof *rows);
}
END_TEST

START_TEST(functions_of_text)
{
	static const struct row rows[] = {
		{ "contains('Hello', 'LL')", "true" },
		{ "contains('Hello', '')", "true" },
		{ "contains('', 'a')", "false" },
		{ "contains(123, 2)", "true" },
		{ "contains(true, 'RU')", "true" },
		{ "contains(null, '')", "true" },
		{ "contains(github.event.list, 20)", "true" },
		{ "contains(github.event.list, '20')", "true" },
		{ "contains(github.event.list, '2')", "false" },
		{ "contains(github.event.list, github)", "false" },
		{ "contains(fromJSON('[]'), null)", "false" },
		{ "contains(fromJSON('[null]'), 0)", "true" },
		{ "contains(github, 'ref')", "false" },
		{ "contains('x', github)", "false" },
		{ "contains('GRÜN', 'grü')", "true" },
		{ "startsWith('refs/heads/x', 'REFS/')", "true" },
		{ "startsWith('a', 'ab')", "false" },
		{ "startsWith(github, '')", "false" },
		{ "startsWith('a', github)", "false" },
		{ "startsWith('a', '')", "true" },
		{ "startsWith(12, 1)", "true" },
		{ "endsWith('image.PNG', '.png')", "true" },
		{ "endsWith('a', 'ba')", "false" },
		{ "endsWith('', '')", "true" },
		{ "ENDSWITH ('a','A')", "true" },
		{ "format('a')", "\"a\"" },
		{ "format('')", "\"\"" },
		{ "format('{0} {1} {0}', 'a', 2)", "\"a 2 a\"" },
		{ "format('{{0}} {{{0}}}', 'x')", "\"{0} {x}\"" },
		{ "format('{00}{0:}', 'x')", "\"xx\"" },
		{ "format('{0}{1}{2}{3}{4}', null, true, 1.50, github, github.event.list)",
		  "\"true1.5ObjectArray\"" },
		{ "format('none', fromJSON('{'))", "\"none\"" },
		{ "join(github.event.list)", "\"10,20,30\"" },
		{ "join(github.event.list, ' - ')", "\"10 - 20 - 30\"" },
		{ "join(github.event.list, null)", "\"102030\"" },
		{ "join(github.event.list, github)", "\"10,20,30\"" },
		{ "join(matrix.os)", "\"Object,Object,7\"" },
		{ "join('x', ',')", "\"x\"" },
		{ "join(1.0)", "\"1\"" },
		{ "join(github)", "\"\"" },
		{ "join(fromJSON('[]'))", "\"\"" },
		{ "join(fromJSON('[1]'), fromJSON('{'))", "\"1\"" },
	};
	all_are(rows, sizeof rows / sizeof *rows);
}
END_TEST

START_TEST(other_functions)
{
	static const struct row rows[] = {
		{ "toJSON(null)", "\"null\"" },
		{ "tojson('a\"')", "\"\\\"a\\\\\\\"\\\"\"" },
		{ "toJson(1e18)", "\"1E+18\"" },
		{ "toJson(github.event)",
		  "\"{\\n  \\\"n\\\": 3,\\n  \\\"list\\\": [\\n    10,\\n    20,\\n    30\\n  ]\\n}\"" },
		{ "fromJSON('{\"a\":[1,\"x\",null,true]}')", "{\"a\":[1,\"x\",null,true]}" },
		{ "fromJSON(toJSON(steps)).ONE.outputs.x", "\"1\"" },
		{ "fromJSON('true') == true", "true" },
		{ "fromJSON(5)", "5" },
		{ "case(true, 1, 2)", "1" },
		{ "case(false, 1, true, 2, 3)", "2" },
		{ "case(false, fromJSON('{'), 1 > 2, 2, 3)", "3" },
		{ "hashFiles('**/go.sum')", "\"abc123\"" },
		{ "success()", "true" },
		{ "failure() || cancelled()", "false" },
		{ "ALWAYS( )", "true" },
	};
	all_are(rows, sizeof rows / sizeof *rows);
	static const struct row follow[] = {
		{ "hashfiles('--Follow-Symbolic-Links', 'a', 2)", "\"abc123\"" },
	};
	all_are(follow, sizeof follow / sizeof *follow);
	ck_assert_str_eq(asked, "follow a*2");
}
END_TEST

/* --- errors --------------------------------------------------------------------------------------- */

struct wrong {
	const char *text;
	size_t line, column;
	const char *want;
};

static void all_fail(const struct wrong *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct err e = { 0 };
		char place[64];
		const char *text = rows[i].text;
		snprintf(place, sizeof place, "line %zu, column %zu: ", rows[i].line,
			 rows[i].column);
		ck_assert_msg(!expr_eval(&x, text, strlen(text), &e), "%s", text);
		ck_assert_msg(strncmp(e.msg, place, strlen(place)) == 0, "%s: %s", text, e.msg);
		ck_assert_msg(strstr(e.msg, rows[i].want) != NULL, "%s: %s", text, e.msg);
		ck_assert_uint_le(x.fault, strlen(text));
	}
}

START_TEST(what_is_wrong_has_a_place)
{
	static const struct wrong rows[] = {
		{ "", 1, 1, "an expression is missing" },
		{ "  ", 1, 1, "an expression is missing" },
		{ "githb.ref", 1, 1, "unknown context \"githb\"; did you mean \"github\"?" },
		{ "1 == secrts", 1, 6, "unknown context \"secrts\"" },
		{ "contians('a', 'b')", 1, 1, "did you mean \"contains\"?" },
		{ "foo('a')", 1, 1, "unknown function \"foo\"" },
		{ "1 ==\n\n  foo()", 3, 3, "unknown function" },
		{ "'é' == foo()", 1, 8, "unknown function" },
		{ "contains('a')", 1, 1, "contains needs 2 arguments" },
		{ "contains(1,2,3)", 1, 1, "contains takes 2 arguments" },
		{ "contains()", 1, 1, "contains needs 2 arguments" },
		{ "1 || join()", 1, 6, "join needs at least 1 argument" },
		{ "success(1)", 1, 1, "success takes 0 arguments" },
		{ "case(true, 1)", 1, 1, "case needs at least 3" },
		{ "case(true, 1, false, 2)", 1, 1, "an odd number" },
		{ "case(1, 2, 3)", 1, 6, "a predicate must be" },
		{ "(1", 1, 1, "\"(\" is not closed" },
		{ "github[(1)", 1, 7, "\"[\" is not closed" },
		{ "format('x', ", 1, 7, "\"(\" is not closed" },
		{ "1 ==", 1, 5, "ends too early" },
		{ "github.", 1, 8, "ends too early" },
		{ "!", 1, 2, "ends too early" },
		{ "1)", 1, 2, "unexpected \")\"" },
		{ "(1]", 1, 3, "unexpected \"]\"" },
		{ "(1, 2)", 1, 3, "unexpected \",\"" },
		{ "format('x',)", 1, 12, "unexpected \")\"" },
		{ "1 2", 1, 3, "unexpected \"2\"" },
		{ "'a' 'b'", 1, 5, "unexpected \"'b'\"" },
		{ "1 = 1", 1, 3, "did you mean \"==\"?" },
		{ "true & true", 1, 6, "did you mean \"&&\"?" },
		{ "true | true", 1, 6, "did you mean \"||\"?" },
		{ "\"x\"", 1, 1, "single quotes" },
		{ "${{ 1 }}", 1, 1, "needs no ${{ }}" },
		{ "'a", 1, 1, "is not closed" },
		{ "1 == 'it''s", 1, 6, "is not closed" },
		{ "1 + 1", 1, 3, "unexpected \"+\"" },
		{ "0x1g", 1, 1, "unexpected \"0x1g\"" },
		{ "1.2.3", 1, 1, "unexpected \"1.2.3\"" },
		{ "a$", 1, 1, "unexpected \"a$\"" },
		{ "'x'.y", 1, 4, "unexpected \".\"" },
		{ "'x'[0]", 1, 4, "unexpected \"[\"" },
	};
	all_fail(rows, sizeof rows / sizeof *rows);
}
END_TEST

START_TEST(what_is_wrong_late_has_a_place_too)
{
	static const struct wrong rows[] = {
		{ "*", 1, 1, "unexpected \"*\"" },
		{ "github.*x", 1, 9, "unexpected \"x\"" },
		{ "github[* == 1]", 1, 8, "\"*\" is no value" },
		{ "github.ref(1)", 1, 11, "unexpected \"(\"" },
		{ "github.1", 1, 8, "unexpected \"1\"" },
		{ "true(1)", 1, 5, "unexpected \"(\"" },
		{ "null.x", 1, 5, "unexpected \".\"" },
		{ "-NaN", 1, 1, "unexpected \"-NaN\"" },
		{ "format('{0', 1)", 1, 1, "format: \"{\" is not closed, at character 1" },
		{ "format('a{1}', 1)", 1, 1, "no argument of that number, at character 2" },
		{ "format('}')", 1, 1, "a single \"}\"" },
		{ "format('{}', 1)", 1, 1, "a number from 0 to 255" },
		{ "format('{256}', 1)", 1, 1, "a number from 0 to 255" },
		{ "format('{0:x}', 1)", 1, 1, "no format specifiers" },
		{ "format('{0 }', 1)", 1, 1, "is not closed" },
		{ "format('{', 1)", 1, 1, "a number from 0" },
		{ "1 && fromJSON('[1,')", 1, 6, "fromJSON: the JSON text: line 1, column 4" },
		{ "hashFiles('a', 'bad')", 1, 1, "bad: not readable" },
		{ "hashFiles('--x')", 1, 11, "its only option is" },
		{ "1 || 2 &&", 1, 10, "ends too early" },
	};
	all_fail(rows, sizeof rows / sizeof *rows);
}
END_TEST

START_TEST(what_cannot_be_asked_here_is_an_error)
{
	const struct expr_scope poor = { .contexts = scope.contexts };
	struct expr y = { .a = &arena, .scope = &poor };
	static const char *const texts[] = { "success()", "always()", "hashFiles('x')" };
	for (size_t i = 0; i < 3; i++) {
		struct err e = { 0 };
		ck_assert_ptr_null(expr_eval(&y, texts[i], strlen(texts[i]), &e));
		ck_assert_ptr_nonnull(strstr(e.msg, "cannot be called here"));
	}
}
END_TEST

static const struct expr_value *repeated(const char *before, const char *what, size_t n,
					 const char *after, struct err *e)
{
	autobuf text = BUF(1 << 20);
	int r = buf_str(&text, before, e);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = buf_str(&text, what, e);
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(buf_str(&text, after, e), 0);
	return expr_eval(&x, text.p, text.len, e);
}

START_TEST(limits_are_github_s)
{
	struct err e = { 0 };
	ck_assert_ptr_nonnull(repeated("'", "é", EXPR_LENGTH_MAX - 2, "'", &e));
	ck_assert_ptr_null(repeated("'", "é", EXPR_LENGTH_MAX - 1, "'", &e));
	ck_assert_ptr_nonnull(strstr(e.msg, "more than 21000 characters"));
	ck_assert_ptr_null(repeated("'", "😀", EXPR_LENGTH_MAX / 2, "'", &e));
	ck_assert_ptr_nonnull(repeated("", "!", EXPR_DEPTH_MAX - 1, "1", &e));
	ck_assert_ptr_null(repeated("", "!", EXPR_DEPTH_MAX, "1", &e));
	ck_assert_ptr_nonnull(strstr(e.msg, "more than 50 deep"));
	ck_assert_ptr_nonnull(repeated("github", ".x", EXPR_DEPTH_MAX - 1, "", &e));
	ck_assert_ptr_null(repeated("github", ".x", EXPR_DEPTH_MAX, "", &e));
	ck_assert_ptr_nonnull(repeated("1", " && 1", 3000, "", &e));
	ck_assert_ptr_nonnull(repeated("0", " || (0)", 2000, "", &e));
	ck_assert_ptr_null(repeated("1", "==1", EXPR_DEPTH_MAX, "", &e));
	ck_assert_ptr_null(repeated("", "(", 20000, "", &e));
	ck_assert_ptr_nonnull(repeated("format('x'", ",1", 254, ")", &e));
	ck_assert_ptr_null(repeated("format('x'", ",1", 255, ")", &e));
	ck_assert_ptr_nonnull(strstr(e.msg, "at most 255"));
}
END_TEST

START_TEST(output_is_bounded)
{
	struct err e = { 0 };
	const char *ten = "format('{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}', ";
	ck_assert_ptr_null(repeated("", ten, 20, "'0123456789'))))))))))))))))))))", &e));
	ck_assert_ptr_nonnull(strstr(e.msg, "limit of"));
	struct arena small = ARENA(2000);
	struct expr y = { .a = &small, .scope = &scope };
	ck_assert_ptr_null(
		expr_eval(&y, "join(github.event.list.*.*.*) == format('{0}', 123456)", 54, &e));
	ck_assert_ptr_nonnull(strstr(e.msg, "memory limit"));
	arena_done(&small);
}
END_TEST

/* Whatever the arena's limit is: a value, or an error that says so. */
START_TEST(any_memory_limit_is_an_error_at_most)
{
	static const char *const texts[] = {
		"a ${{ github.ref }} b ${{ 1.5 }}",
		"${{ toJSON(steps.*.outputs.x) }}${{ join(github.event.list, env.A) }}",
		"${{ format('{0}{1}', 1.5, fromJSON('[1,[{\"a\":\"b\"}]]')[1].*.a) }}x",
		"${{ !contains('ABC', 1) && case(1 == 2, 1, matrix.os.*.tags.*[0]) }}",
		"${{ hashFiles('--follow-symbolic-links', 1) }}",
		"${{ endsWith(join(matrix.os, 1), 7) }}",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		bool good = false;
		for (size_t max = 0; !good; max += 16) {
			struct err e = { 0 };
			struct arena small = ARENA(max);
			struct expr y = { .a = &small, .scope = &scope };
			ck_assert_uint_lt(max, 64 << 10);
			good = expr_template(&y, texts[i], strlen(texts[i]), &e) != NULL;
			if (!good)
				ck_assert_msg(strstr(e.msg, "memory limit") != NULL, "%s", e.msg);
			arena_done(&small);
		}
		ck_assert(good);
	}
}
END_TEST

/* --- templates and conditions --------------------------------------------------------------------- */

START_TEST(templates)
{
	static const struct row rows[] = {
		{ "", "\"\"" },
		{ "plain {{ }} ${ x }", "\"plain {{ }} ${ x }\"" },
		{ "${{ 1 }}", "1" },
		{ "${{github.event.list}}", "[10,20,30]" },
		{ "${{ null }}", "null" },
		{ " ${{ 1 }}", "\" 1\"" },
		{ "${{ 1 }} ", "\"1 \"" },
		{ "${{ 1 }}${{ 2 }}", "\"12\"" },
		{ "a ${{ github.ref }} b ${{ null }}c", "\"a refs/heads/Main b c\"" },
		{ "${{ '}}' }}", "\"}}\"" },
		{ "x${{ '}}''}}' }}y", "\"x}}'}}y\"" },
		{ "${{ '${{ x }}' }}", "\"${{ x }}\"" },
		{ "${{ 1 }}}", "\"1}\"" },
		{ "$${{ 1 }}", "\"$1\"" },
		{ "{ ${{ true }} } it's", "\"{ true } it's\"" },
		{ "${{ github }}-${{ steps.* }}", "\"Object-Array\"" },
		{ "é\n${{\n1\n}}", "\"é\\n1\"" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = { 0 };
		is(rows[i].text, expr_template(&x, rows[i].text, strlen(rows[i].text), &e),
		   rows[i].want, &e);
	}
}
END_TEST

START_TEST(templates_that_are_wrong)
{
	static const struct {
		const char *text;
		size_t fault;
		const char *want;
	} rows[] = {
		{ "${{", 0, "\"${{\" is not closed by \"}}\"" },
		{ "a ${{ 1 }", 2, "line 1, column 3: \"${{\" is not closed" },
		{ "a ${{ '}} ", 2, "is not closed by" },
		{ "${{ }}", 3, "an expression is missing" },
		{ "${{}}", 3, "an expression is missing" },
		{ "é ${{ 1 }}\n  ${{ foo }}", 18, "line 2, column 7: unknown context" },
		{ "${{ 1 }} ${{ 1 2 }}", 15, "line 1, column 16: unexpected \"2\"" },
		{ "${{ insert }}", 4, "unknown context \"insert\"" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = { 0 };
		ck_assert_ptr_null(expr_template(&x, rows[i].text, strlen(rows[i].text), &e));
		ck_assert_msg(strstr(e.msg, rows[i].want) != NULL, "%s: %s", rows[i].text, e.msg);
		ck_assert_msg(x.fault == rows[i].fault, "%s: %zu", rows[i].text, x.fault);
	}
}
END_TEST

START_TEST(conditions)
{
	/* What it is while the job succeeds, and once it has failed. */
	static const struct {
		const char *text;
		bool good, bad;
	} rows[] = {
		{ "", true, false },
		{ " \n", true, false },
		{ "true", true, false },
		{ "false", false, false },
		{ "${{ true }}", true, false },
		{ "github.ref == 'refs/heads/main'", true, false },
		{ "${{ github.ref == 'x' }}", false, false },
		{ "failure()", false, true },
		{ "always()", true, true },
		{ "ALWAYS() && true", true, true },
		{ "!cancelled()", true, true },
		{ "success() || failure()", true, true },
		{ "format('{0}', failure()) == 'true'", false, true },
		{ "${{ failure() }}", false, true },
		{ "${{ false }} && x", true, false }, /* a text, and it is not empty */
		{ "!${{ always() }}", true, true },
		{ "x${{ false }}", true, false },
		{ "${{ null }}${{ '' }}", false, false },
		{ "${{ 'false' }}", false, false }, /* itself a condition */
		{ "${{ 'always()' }}", true, true },
		{ "${{ '' }}", true, false },
		{ "'false'", true, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int failed = 0; failed < 2; failed++) {
			struct err e = { 0 };
			bool ret = false;
			job_succeeded = !failed;
			ck_assert_msg(expr_condition(&x, rows[i].text, strlen(rows[i].text), &ret,
						     &e) == 0,
				      "%s: %s", rows[i].text, e.msg);
			ck_assert_msg(ret == (failed ? rows[i].bad : rows[i].good), "%s",
				      rows[i].text);
		}
}
END_TEST

START_TEST(conditions_that_are_wrong)
{
	static const struct row rows[] = {
		{ "foo", "line 1, column 1: unknown context" },
		{ "${{ }}", "an expression is missing" },
		{ "${{ 1", "is not closed by" },
		{ "x ${{ foo }}", "column 7: unknown context" },
		{ "x ${{ }}", "column 6: an expression is missing" },
		{ "${{ 'foo' }}", "column 5: unknown context" },
		{ "true && ", "ends too early" },
		{ "'${{ x }}' == '' || true", "unknown context" },
		{ "${{ fromJSON('{') }}", "fromJSON" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = { 0 };
		bool ret = false;
		int r = expr_condition(&x, rows[i].text, strlen(rows[i].text), &ret, &e);
		ck_assert_msg(r == -1 && strstr(e.msg, rows[i].want), "%s: %s", rows[i].text,
			      e.msg);
	}
}
END_TEST

START_TEST(a_false_start_evaluates_nothing)
{
	struct err e = { 0 };
	bool ret = true;
	job_succeeded = false;
	ck_assert_int_eq(expr_condition(&x, "fromJSON('{')", 13, &ret, &e), 0);
	ck_assert(!ret);
}
END_TEST

START_TEST(a_caret_is_under_the_place)
{
	static const struct {
		const char *text;
		size_t at;
		const char *want;
	} rows[] = {
		{ "abc", 1, "abc\n ^\n" },           { "abc", 3, "abc\n   ^\n" },
		{ "abc", 99, "abc\n   ^\n" },        { "", 0, "\n^\n" },
		{ "a\nbcd\ne", 3, "bcd\n ^\n" },     { "é\tx", 3, "é x\n  ^\n" },
		{ "\033[1m\xff", 1, "?[1m?\n ^\n" }, { "a\n", 2, "\n^\n" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = { 0 };
		autobuf out = BUF(1000);
		ck_assert_int_eq(
			expr_caret(&out, rows[i].text, strlen(rows[i].text), rows[i].at, &e), 0);
		ck_assert_str_eq(buf_cstr(&out), rows[i].want);
	}
	char text[400], want[400] = { "..." };
	struct err e = { 0 };
	autobuf out = BUF(1000);
	memset(text, 'x', sizeof text);
	ck_assert_int_eq(expr_caret(&out, text, sizeof text, 200, &e), 0);
	memset(want + 3, 'x', 100);
	memcpy(want + 103, "...\n", 4);
	memset(want + 107, ' ', 63);
	memcpy(want + 170, "^\n", 2);
	ck_assert_str_eq(buf_cstr(&out), want);
}
END_TEST

START_TEST(exact_objects)
{
	struct err e = { 0 };
	struct expr_value *o = expr_object_new(&arena, &e);
	ck_assert_ptr_nonnull(o);
	o->exact = true;
	for (int i = 0; i < 20; i++) {
		struct expr_pair p = { i % 2 ? "path" : "PATH", 4, expr_bool(i == 19) };
		ck_assert_int_eq(expr_object_set(o, &p, &arena, &e), 0);
	}
	ck_assert_uint_eq(o->n, 2);
	ck_assert_ptr_eq(expr_object_get(o, "path", 4), &expr_true);
	ck_assert_ptr_eq(expr_object_get(o, "PATH", 4), &expr_false);
	ck_assert_ptr_null(expr_object_get(o, "Path", 4));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("expr");
	TCase *t = tcase_create("expr");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, literals);
	tcase_add_test(t, contexts_and_indexes);
	tcase_add_test(t, filters);
	tcase_add_test(t, operators);
	tcase_add_test(t, comparisons);
	tcase_add_test(t, functions_of_text);
	tcase_add_test(t, other_functions);
	tcase_add_test(t, what_is_wrong_has_a_place);
	tcase_add_test(t, what_is_wrong_late_has_a_place_too);
	tcase_add_test(t, what_cannot_be_asked_here_is_an_error);
	tcase_add_test(t, limits_are_github_s);
	tcase_add_test(t, output_is_bounded);
	tcase_add_test(t, any_memory_limit_is_an_error_at_most);
	tcase_add_test(t, templates);
	tcase_add_test(t, templates_that_are_wrong);
	tcase_add_test(t, conditions);
	tcase_add_test(t, conditions_that_are_wrong);
	tcase_add_test(t, a_false_start_evaluates_nothing);
	tcase_add_test(t, a_caret_is_under_the_place);
	tcase_add_test(t, exact_objects);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
