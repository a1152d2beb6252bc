/* Lines come out when they end, and wrapped encodings are masked all the same. */
#include "executor/redact.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void feed(struct redactor *r, const char *p, size_t n, struct buf *out)
{
	struct err e = { 0 };
	ck_assert_msg(redactor_feed(r, p, n, out, &e) == 0, "%s", e.msg);
}

static void expect_text(const struct buf *out, const char *want, const char *what)
{
	ck_assert_msg(out->len == strlen(want) && !memcmp(out->p, want, out->len),
		      "%s:\n got %s\nwant %s", what, buf_cstr(out), want);
}

/* raw at every two-way split, and byte by byte. */
static void expect_masked(const struct redact_set *s, const struct buf *raw, const char *want)
{
	struct err e = { 0 };
	for (size_t split = 0; split <= raw->len; split++) {
		autobuf out = BUF(4096);
		struct redactor *r = redactor_new(s, &e);
		ck_assert_ptr_nonnull(r);
		feed(r, raw->p, split, &out);
		for (size_t i = split; i < raw->len; i += split ? raw->len : 1)
			feed(r, raw->p + i, split ? raw->len - i : 1, &out);
		ck_assert_int_eq(redactor_flush(r, false, &out, &e), 0);
		expect_text(&out, want, buf_cstr(raw));
		redactor_free(r);
	}
}

/* A random value of n characters, the same in every run. */
static void random_value(char *p, size_t n, unsigned *seed)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	for (size_t i = 0; i < n; i++)
		p[i] = letters[(size_t)rand_r(seed) % (sizeof letters - 1)];
}

/* A set of 20 secrets as services give them. */
static struct redact_set *typical_set(char secrets[20][48])
{
	struct err e = { 0 };
	struct redact_set *s = redact_set_new(NULL, &e);
	unsigned seed = 7;
	ck_assert_ptr_nonnull(s);
	for (size_t i = 0; i < 20; i++) {
		random_value(secrets[i], 20 + i, &seed);
		secrets[i][20 + i] = '\0';
		ck_assert_int_eq(redact_set_add(s, "S", secrets[i], 20 + i, &e), 0);
	}
	ck_assert_int_eq(redact_set_build(s, &e), 0);
	return s;
}

static const char *const last_words[] = {
	"begun",      "done",       "e",        "A",      "s",          "eyJ",
	"AKIA",       "npm",        "glpat",    "x",      "Compiling",  "tests",
	"ok.",        "0",          "deadbeef", "QUJD",   "https://",   "100%",
	"abcdef0123", "Waiting...", "OK",       "Basic",  "http://a:b", "y ",
	"run\t",      "---",        "-----",    "token=", "a b c d",    "\033[32mgreen\033[0m",
	"end\r",      "\"7\"",      "u",        "V",      "hvs.",       "12 34 56",
};

/* A line is out with its end: nothing in it waits for the next one. */
START_TEST(lines_are_out_at_once)
{
	char secrets[20][48];
	struct redact_set *s = typical_set(secrets);
	struct err e = { 0 };
	struct redactor *r = redactor_new(s, &e);
	autobuf out = BUF(1 << 20), want = BUF(1 << 20);
	char line[64];
	for (size_t i = 0; i < sizeof last_words / sizeof *last_words; i++)
		for (size_t form = 0; form < 2; form++) {
			snprintf(line, sizeof line, form ? "step %s\n" : "%s\n", last_words[i]);
			feed(r, line, strlen(line), &out);
			ck_assert_int_eq(buf_str(&want, line, &e), 0);
			expect_text(&out, buf_cstr(&want), line);
		}
	/* Every letter, as the end of a word that no secret begins with. */
	for (int c = '!'; c < 0x7f; c++) {
		snprintf(line, sizeof line, "the word,%c\n", c);
		feed(r, line, strlen(line), &out);
		ck_assert_int_eq(buf_str(&want, line, &e), 0);
		expect_text(&out, buf_cstr(&want), line);
	}
	redactor_free(r);
	redact_set_free(s);
}
END_TEST

/* to becomes p with `end` after every width bytes, and at its end. */
static void wrap(struct buf *to, const char *p, size_t width, const char *end)
{
	struct err e = { 0 };
	for (size_t i = 0, n = strlen(p); i < n; i += width) {
		ck_assert_int_eq(buf_add(to, p + i, n - i < width ? n - i : width, &e), 0);
		ck_assert_int_eq(buf_str(to, end, &e), 0);
	}
}

/* Something and the secret, in base64 and in hex. */
START_TEST(wrapped_secrets_are_masked)
{
	static const char base64[] = "dGhlIHNlcnZpY2UncyBrZXkgaXMgY29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0"
				     "YXBsZS1hbmQtYS1sb3QtbW9yZS1vZi1pdA==";
	static const char hex[] = "6b65793d636f72726563742d686f7273652d626174746572792d737461706c65"
				  "2d616e642d612d6c6f742d6d6f72652d6f662d6974";
	static const char secret[] = "correct-horse-battery-staple-and-a-lot-more-of-it";
	static const struct {
		const char *text, *end, *want;
		size_t width;
	} rows[] = {
		{ base64, "\n", "dGhlIHNlcnZpY2UncyBrZXkgaXMg[MASKED]A==\n", 76 },
		{ base64, "\n", "dGhlIHNlcnZpY2UncyBrZXkgaXMg[MASKED]A==\n", 64 },
		{ base64, "\n", "dGhlIHNlcnZpY2UncyBrZXkgaXMg[MASKED]A==\n", 40 },
		{ base64, "\n", "dGhlIHNlcnZpY2UncyBr\nZXkgaXMg[MASKED]A==\n", 20 },
		{ base64, "\n", "dGhlIHNlcnZpY2Un\ncyBrZXkgaXMg[MASKED]A==\n", 16 },
		{ base64, "\r\n", "dGhlIHNlcnZpY2UncyBr\r\nZXkgaXMg[MASKED]A==\r\n", 20 },
		{ base64, "\r\n", "dGhlIHNlcnZpY2UncyBrZXkgaXMg[MASKED]A==\r\n", 76 },
		{ base64, "\033[0m\n  ",
		  "dGhlIHNlcnZpY2UncyBrZXkgaXMg[MASKED]\033[0m\033[0mA==\033[0m\n  ", 40 },
		{ hex, "\n", "6b65793d[MASKED]\n", 60 },
		{ hex, "\r\n", "6b65793d[MASKED]\r\n", 60 },
		{ hex, " ", "6b 65 79 3d [MASKED] ", 2 },
	};
	struct err e = { 0 };
	struct redact_set *s = redact_set_new(NULL, &e);
	ck_assert_int_eq(redact_set_add(s, "S", secret, strlen(secret), &e), 0);
	ck_assert_int_eq(redact_set_build(s, &e), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		autobuf raw = BUF(1024);
		wrap(&raw, rows[i].text, rows[i].width, rows[i].end);
		expect_masked(s, &raw, rows[i].want);
	}
	redact_set_free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redact lines");
	TCase *lines = tcase_create("lines");
	tcase_add_test(lines, lines_are_out_at_once);
	tcase_add_test(lines, wrapped_secrets_are_masked);
	suite_add_tcase(suite, lines);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
