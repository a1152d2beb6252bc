/* The redactor's rules: the vectors at every split, and what the vectors do not say. */
#include "executor/redact.h"

#include "executor/redact_stream.h"

#include "base/fd.h"

#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct redact_set *set_of(const char *const *secrets, const struct redact_opts *opts)
{
	struct err e = { 0 };
	struct redact_set *s = redact_set_new(opts, &e);
	ck_assert_msg(s != NULL, "%s", e.msg);
	for (; *secrets; secrets++)
		ck_assert_int_eq(redact_set_add(s, "S", *secrets, strlen(*secrets), &e), 0);
	ck_assert_msg(redact_set_build(s, &e) == 0, "%s", e.msg);
	return s;
}

static void feed(struct redactor *r, const char *p, size_t n, struct buf *out)
{
	struct err e = { 0 };
	ck_assert_msg(redactor_feed(r, p, n, out, &e) == 0, "%s", e.msg);
}

static void flush(struct redactor *r, bool cut, struct buf *out)
{
	struct err e = { 0 };
	ck_assert_msg(redactor_flush(r, cut, out, &e) == 0, "%s", e.msg);
}

static void expect_bytes(const struct buf *out, const char *want, size_t n, const char *what)
{
	ck_assert_msg(out->len == n && !memcmp(buf_cstr(out), want, n), "%s:\n got %s\nwant %s",
		      what, buf_cstr(out), want);
}

/* Byte by byte; renewed: with a new redactor whenever it says that one would do as well. */
static void expect_single(const struct redact_set *s, const char *raw, size_t n, const char *want,
			  bool renewed)
{
	struct err e = { 0 };
	autobuf out = BUF(1 << 20);
	struct redactor *r = redactor_new(s, &e);
	for (size_t i = 0; i < n; i++) {
		feed(r, raw + i, 1, &out);
		if (renewed && redactor_is_new(r)) {
			redactor_free(r);
			r = redactor_new(s, &e);
			ck_assert_ptr_nonnull(r);
		}
	}
	flush(r, false, &out);
	expect_bytes(&out, want, strlen(want), raw);
	redactor_free(r);
}

/* raw in one piece, at every two-way split, and byte by byte. */
static void expect_n(const struct redact_set *s, const char *raw, size_t n, const char *want,
		     const char *what)
{
	struct err e = { 0 };
	for (size_t split = 0; split <= n; split++) {
		autobuf out = BUF(1 << 20);
		struct redactor *r = redactor_new(s, &e);
		ck_assert_ptr_nonnull(r);
		feed(r, raw, split, &out);
		feed(r, raw + split, n - split, &out);
		flush(r, false, &out);
		expect_bytes(&out, want, strlen(want), what);
		redactor_free(r);
	}
	expect_single(s, raw, n, want, false);
	expect_single(s, raw, n, want, true);
}

static void expect(const char *const *secrets, const char *raw, const char *want)
{
	struct redact_set *s = set_of(secrets, NULL);
	expect_n(s, raw, strlen(raw), want, raw);
	redact_set_free(s);
}

#define SECRETS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NONE ((const char *const[]){ NULL })

START_TEST(vectors)
{
	json_error_t je;
	json_t *all = json_load_file("tests/unit/vectors/masking.json", 0, &je), *v;
	size_t i, k;
	ck_assert_msg(all != NULL, "%s", je.text);
	ck_assert_uint_gt(json_array_size(all), 30);
	json_array_foreach(all, i, v)
	{
		const char *secrets[8] = { NULL };
		json_t *list = json_object_get(v, "secrets"), *one;
		json_array_foreach(list, k, one) secrets[k] = json_string_value(one);
		struct redact_set *s = set_of(secrets, NULL);
		json_t *raw = json_object_get(v, "raw");
		expect_n(s, json_string_value(raw), json_string_length(raw),
			 json_string_value(json_object_get(v, "expect")),
			 json_string_value(json_object_get(v, "id")));
		redact_set_free(s);
	}
	json_decref(all);
}
END_TEST

START_TEST(new_between_lines)
{
	static const struct {
		const char *text;
		bool as_new;
	} rows[] = {
		{ "", true },
		{ "some words\n", true },
		{ "a longer line, which the gate looks at, and nothing is left of it at its end "
		  "so that a new redactor does not have to know that there ever was one, or what "
		  "it said\n",
		  true },
		{ "some words", false },       /* what follows goes on with the last */
		{ "secret-of-", false },       /* held back */
		{ "secret-of-mine", false },   /* a mask, which another one joins */
		{ "Authorization:\n", false }, /* a pattern has begun */
		{ "the-line-before-c2VjcmV0LW9m\n", false }, /* wrapped, perhaps */
	};
	struct redact_set *s = set_of(SECRETS("secret-of-mine"), NULL);
	struct err e = { 0 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		autobuf out = BUF(1 << 20);
		struct redactor *r = redactor_new(s, &e);
		ck_assert_ptr_nonnull(r);
		feed(r, rows[i].text, strlen(rows[i].text), &out);
		ck_assert_msg(redactor_is_new(r) == rows[i].as_new, "%s", rows[i].text);
		flush(r, false, &out);
		ck_assert_msg(redactor_is_new(r) || out.len > 0, "%s", rows[i].text);
		redactor_free(r);
	}
	redact_set_free(s);
}
END_TEST

START_TEST(values_are_judged)
{
	struct err e = { 0 };
	struct redact_set *s = redact_set_new(NULL, &e);
	static const char *const rows[][2] = {
		{ "SHORT", "abc" },          { "WORD", "Docker" },  { "SAME", "xxxxxxxx" },
		{ "FINE", "q8Zk2mfp" },      { "BLANK", " \n\t " }, { "EMPTY", "" },
		{ "ESC", "\033[1m\033[2m" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_int_eq(redact_set_add(s, rows[i][0], rows[i][1], strlen(rows[i][1]), &e),
				 0);
	ck_assert_int_eq(redact_set_build(s, &e), 0);
	const char *said = redact_set_warnings(s);
	ck_assert_ptr_nonnull(strstr(said, "SHORT: "));
	ck_assert_ptr_nonnull(strstr(said, "WORD: "));
	ck_assert_ptr_nonnull(strstr(said, "SAME: "));
	ck_assert_ptr_nonnull(strstr(said, "ESC: "));
	ck_assert_ptr_null(strstr(said, "FINE"));
	ck_assert_ptr_null(strstr(said, "BLANK"));
	ck_assert_ptr_null(strstr(said, "EMPTY"));
	ck_assert_ptr_null(strstr(said, "abc"));
	redact_set_free(s);

	const struct redact_opts strict = { .short_fails = true };
	s = redact_set_new(&strict, &e);
	ck_assert_int_eq(redact_set_add(s, "PIN", "123", 3, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "PIN"));
	ck_assert_ptr_null(strstr(e.msg, "123"));
	redact_set_free(s);
}
END_TEST

START_TEST(json_strings_are_secrets)
{
	const char *const secrets[] = {
		"{\"auth\":{\"token\":[\"Zq81kfoo\\u00e4bar\",{\"x\":\"deep\\/value9\"}]},"
		"\"user\":\"somebody-else\",\"api_key\":\"short\"}",
		NULL
	};
	expect(secrets,
	       "a Zq81kfoo\xc3\xa4"
	       "bar b deep/value9 c somebody-else d short",
	       "a [MASKED] b [MASKED] c somebody-else d short");
	expect(SECRETS("{\"token\":\"not-json-at-all\""), "not-json-at-all", "not-json-at-all");
}
END_TEST

START_TEST(colours_survive)
{
	expect(SECRETS("hunter2xyz"), "a\033[31mhun\033[0m\033]0;t\007ter\0332xyz\033[1mb",
	       "a\033[31mhun\033[0m\033]0;t\007ter\0332xyz\033[1mb");
	expect(SECRETS("hunter2xyz"), "a\033[31mhun\033[0m\033]0;t\007ter2\033(Bxyz\033[1mb",
	       "a\033[31m[MASKED]\033[0m\033[1mb");
	expect(SECRETS("hunter2xyz"), "\033]8;;http://h/hunter2xyz\007text",
	       "\033]8;;http://h/[MASKED]\007text");
	/* What a terminal swallows as the end of an escape is still in the log. */
	expect(SECRETS("mhunter2"), "\033[31mhunter2 x", "\033[31[MASKED] x");
	expect(SECRETS("31;1;4;7"), "a\033[31;1;4;7mb", "a\033[[MASKED]mb");
	expect(SECRETS("31;1;4;7", "abcdefgh"), "abcd\033[31;1;4;7mefgh", "[MASKED]");
}
END_TEST

START_TEST(utf16_is_read)
{
	static const char raw[] = "x\0h\0u\0n\0t\0e\0r\0002\0x\0y\0z\0.\0";
	struct redact_set *s = set_of(SECRETS("hunter2xyz"), NULL);
	struct err e = { 0 };
	autobuf out = BUF(1024);
	struct redactor *r = redactor_new(s, &e);
	feed(r, raw, sizeof raw - 1, &out);
	flush(r, false, &out);
	expect_bytes(&out, "x\0[MASKED]\0.\0", 13, "utf-16");
	redactor_free(r);
	redact_set_free(s);
}
END_TEST

START_TEST(only_what_may_match_is_held)
{
	struct redact_set *s = set_of(SECRETS("hunter2xyz"), NULL);
	struct err e = { 0 };
	autobuf out = BUF(1024);
	struct redactor *r = redactor_new(s, &e);
	feed(r, "tick 12, hunter", 15, &out);
	expect_bytes(&out, "tick 12, ", 9, "held");
	feed(r, "!", 1, &out);
	expect_bytes(&out, "tick 12, hunter!", 16, "released");
	feed(r, "\033[3", 3, &out);
	expect_bytes(&out, "tick 12, hunter!", 16, "half an escape");
	feed(r, "1m9", 3, &out);
	expect_bytes(&out, "tick 12, hunter!\033[31m9", 22, "whole escape");
	redactor_free(r);
	redact_set_free(s);
}
END_TEST

/* A match cannot be kept open for ever by what lies between its letters. */
START_TEST(the_held_part_is_bounded)
{
	struct redact_set *s = set_of(SECRETS("hunter2xyz"), NULL);
	struct err e = { 0 };
	autobuf out = BUF(2 << 20);
	struct redactor *r = redactor_new(s, &e);
	static const char nuls[4096];
	feed(r, "hunter2", 7, &out);
	for (int i = 0; i < 256; i++)
		feed(r, nuls, sizeof nuls, &out);
	ck_assert_uint_gt(out.len, 512 << 10);
	redactor_free(r);
	redact_set_free(s);
}
END_TEST

START_TEST(cut_streams_show_no_half_secret)
{
	static const struct {
		const char *raw, *want;
		bool cut;
	} rows[] = {
		{ "tail hunter2xyz-1", "tail [MASKED]", true },
		{ "tail hunter2xyz-1", "tail hunter2xyz-1", false },
		{ "tail hunter2", "tail hunter2", true },
		{ "tail aHVudGVyMnh5ei", "tail [MASKED]", true },
		{ "x npm_0123456789", "x npm_[MASKED]", true },
	};
	struct redact_set *s = set_of(SECRETS("hunter2xyz-12345"), NULL);
	struct err e = { 0 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		autobuf out = BUF(1024);
		struct redactor *r = redactor_new(s, &e);
		feed(r, rows[i].raw, strlen(rows[i].raw), &out);
		flush(r, rows[i].cut, &out);
		expect_bytes(&out, rows[i].want, strlen(rows[i].want), rows[i].raw);
		redactor_free(r);
	}
	redact_set_free(s);
}
END_TEST

/* a, then a set that also looks for more, then b. */
static void expect_switch(const char *more, const char *a, const char *b, const char *want)
{
	struct err e = { 0 };
	struct redact_set *s = set_of(SECRETS("first-secret", "first-secret-more"), NULL);
	struct redact_set *next = redact_set_more(s, &e);
	ck_assert_ptr_nonnull(next);
	ck_assert_int_eq(redact_set_add(next, "N", more, strlen(more), &e), 0);
	ck_assert_int_eq(redact_set_build(next, &e), 0);
	autobuf out = BUF(1024);
	struct redactor *r = redactor_new(s, &e);
	feed(r, a, strlen(a), &out);
	ck_assert_int_eq(redactor_switch(r, next, &out, &e), 0);
	redact_set_free(s);
	feed(r, b, strlen(b), &out);
	flush(r, false, &out);
	expect_bytes(&out, want, strlen(want), a);
	redactor_free(r);
	redact_set_free(next);
}

START_TEST(secrets_can_be_added)
{
	expect_switch("later-secret", "later-secret ", "later-secret", "later-secret [MASKED]");
	expect_switch("first-xyz-99", "a first-", "xyz-99 b", "a [MASKED] b");
	expect_switch("later-secret", "a first-secr", "et b", "a [MASKED] b");
	expect_switch("later-secret", "a first-secret-mo", "re b", "a [MASKED] b");
	expect_switch("later-secret", "x glpat-abc", "def y", "x glpat-[MASKED] y");
	expect_switch("later-secret", "x npm_0123456789abc", "defghijklmn y", "x npm_[MASKED] y");
	expect_switch("later-secret", "x \033[3", "1m later-secret", "x \033[31m [MASKED]");
}
END_TEST

/* What is masked without being registered. */
#define LETTERS_64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
static const struct {
	const char *raw, *want;
} patterns[] = {
	{ "t glpat-ab_C-d.e=1, x", "t glpat-[MASKED], x" },
	{ "glpat- x", "glpat- x" },
	{ "_gitlab_session=0a1b; x", "_gitlab_session=[MASKED]; x" },
	{ "gl\033[1mpat-abc\033[0mdef x", "gl\033[1mpat-[MASKED]\033[0m x" },
	{ "ghp_0123456789abcdefABCDEF x", "ghp_[MASKED] x" },
	{ "ghp_x y", "ghp_x y" },
	{ "npm_config_user_agent=npm/8", "npm_config_user_agent=npm/8" },
	{ "npm_0123456789abcdefghijklmnopqrstuvwxyz", "npm_[MASKED]" },
	{ "hvs.CAESIJlongtoken123", "hvs.[MASKED]" },
	{ "s.0123456789abcdefghijklmn.", "s.[MASKED]." },
	{ "s.0123456789abcdefghijklmnop", "s.0123456789abcdefghijklmnop" },
	{ "ls.0123456789abcdefghijklmn.", "ls.0123456789abcdefghijklmn." },
	{ "id AKIAIOSFODNN7EXAMPLE.", "id AKIA[MASKED]." },
	{ "xoxb-123456789012-abcdef", "xoxb-[MASKED]" },
	{ "a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln-_ b", "a [MASKED] b" },
	{ "a eyJhbGciOiJIUzI1NiJ9.other b", "a eyJhbGciOiJIUzI1NiJ9.other b" },
	{ "https://user:pa:ss@host/x", "https://user:[MASKED]@host/x" },
	{ "https://user:p@ss@host/x", "https://user:[MASKED]@host/x" },
	{ "http://localhost:8080/a@b", "http://localhost:8080/a@b" },
	{ "http://h/?a=1&Private_Token=abc&b=2", "http://h/?a=1&Private_Token=[MASKED]&b=2" },
	{ "h?X-Amz-Signature=00ff x", "h?X-Amz-Signature=[MASKED] x" },
	{ "h?a=b\\u0026sig=x%2B\" y", "h?a=b\\u0026sig=[MASKED]\" y" },
	{ "Authorization: Bearer abc.def-g\r\n", "Authorization: Bearer [MASKED]\r\n" },
	{ "authorization: basic dTpw\n", "authorization: basic [MASKED]\n" },
	{ "\"Authorization\": \"token abc\"", "\"Authorization\": \"token [MASKED]\"" },
	{ "Authorization required", "Authorization required" },
	{ "X-Vault-Token: s3\nPRIVATE-TOKEN: ab JOB-TOKEN:cd",
	  "X-Vault-Token: [MASKED]\nPRIVATE-TOKEN: [MASKED] JOB-TOKEN:[MASKED]" },
	{ "PRIVATE-TOKEN: $TOKEN", "PRIVATE-TOKEN: $TOKEN" },
	{ "k\n-----BEGIN RSA PRIVATE KEY-----\nMIIBVQIBADANBgkqhkiG9w0BAQEFAASC\nAT8w\n"
	  "-----END RSA PRIVATE KEY-----\nx",
	  "k\n[MASKED]\nx" },
	{ "-----BEGIN CERTIFICATE-----\nMIIBVQIBADANBgkqhkiG9w0BAQEFAASC\n",
	  "-----BEGIN CERTIFICATE-----\nMIIBVQIBADANBgkqhkiG9w0BAQEFAASC\n" },
	{ "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----.", "[MASKED]." },
	{ "t1 -----BEGIN PRIVATE KEY-----\nt2 MIIBVQIBADANBgkqhkiG9w0BAQEFAASC\nt3 Ab",
	  "t1 [MASKED]" },
	/* All of a key that has no lines, and what follows it. */
	{ "-----BEGIN PRIVATE KEY-----" LETTERS_64 LETTERS_64 LETTERS_64 LETTERS_64 LETTERS_64
	  "-----END PRIVATE KEY----- x",
	  "[MASKED] x" },
	/* The last @ is known at the end. */
	{ "://u:p@\033[1m@@@h/", "://u:[MASKED]\033[1m@h/" },
	/* What begins in an escape. */
	{ "\033(glpat-xy z", "\033(glpat-[MASKED] z" },
	{ "\033(://u:p@h", "\033(://u:[MASKED]@h" },
	{ "\033(s.0123456789abcdefghijklmn.", "\033(s.[MASKED]." },
	{ "tok-abc", "tok-[MASKED]" },
};

START_TEST(credentials_are_known_by_form)
{
	struct err e = { 0 };
	struct redact_set *s = redact_set_new(NULL, &e);
	ck_assert_int_eq(redact_set_prefix(s, "tok-", &e), 0);
	ck_assert_int_eq(redact_set_prefix(s, "", &e), -1);
	ck_assert_int_eq(redact_set_prefix(s, "a b", &e), -1);
	ck_assert_int_eq(redact_set_build(s, &e), 0);
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
		expect_n(s, patterns[i].raw, strlen(patterns[i].raw), patterns[i].want,
			 patterns[i].raw);
	redact_set_free(s);
}
END_TEST

START_TEST(the_mask_can_be_another)
{
	const struct redact_opts stars = { .mask = "***" };
	struct redact_set *s = set_of(SECRETS("hunter2xyz"), &stars);
	expect_n(s, "a hunter2xyz b", 14, "a *** b", "stars");
	redact_set_free(s);
	struct err e = { 0 };
	const struct redact_opts empty = { .mask = "" };
	ck_assert_ptr_null(redact_set_new(&empty, &e));
}
END_TEST

/* A random value of n characters, the same in every run. */
static void random_value(char *p, size_t n, unsigned *seed)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/&\" ";
	for (size_t i = 0; i < n; i++)
		p[i] = letters[(size_t)rand_r(seed) % (sizeof letters - 1)];
}

START_TEST(memory_is_bounded)
{
	struct err e = { 0 };
	struct redact_set *s = redact_set_new(NULL, &e);
	char *value = malloc(200000);
	unsigned seed = 1;
	for (int i = 0; i < 40; i++) {
		random_value(value, 60000, &seed);
		ck_assert_int_eq(redact_set_add(s, "BIG", value, 60000, &e), 0);
	}
	ck_assert_int_eq(redact_set_build(s, &e), 0);
	ck_assert_uint_le(redact_set_memory(s), REDACT_MEMORY);
	ck_assert_ptr_nonnull(strstr(redact_set_warnings(s), "BIG: too large"));
	redact_set_free(s);

	/* One that is longer than the longest: both its ends are known. */
	s = redact_set_new(NULL, &e);
	memset(value, 'a', 200000);
	random_value(value, 200000, &seed);
	ck_assert_int_eq(redact_set_add(s, "HUGE", value, 200000, &e), 0);
	ck_assert_int_eq(redact_set_build(s, &e), 0);
	ck_assert_uint_le(redact_set_memory(s), REDACT_MEMORY);
	autobuf out = BUF(1 << 20);
	struct redactor *r = redactor_new(s, &e);
	feed(r, value, 200000, &out);
	flush(r, false, &out);
	ck_assert_ptr_null(memmem(out.p, out.len, value, 64));
	ck_assert_ptr_null(memmem(out.p, out.len, value + 200000 - 64, 64));

	redactor_free(r);
	redact_set_free(s);
	free(value);
}
END_TEST

START_TEST(a_file_can_be_redacted)
{
	struct err e = { 0 };
	struct redact_set *s = set_of(SECRETS("hunter2xyz"), NULL);
	int ends[2];
	autofd in = fd_sealed("in", "a hunter2xyz b", 14, &e);
	ck_assert_int_ge(in, 0);
	ck_assert_int_eq(lseek(in, 0, SEEK_SET), 0);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_msg(redact_stream(in, ends[1], s, &e) == 0, "%s", e.msg);
	close(ends[1]);
	autobuf out = BUF(1024);
	ck_assert_int_eq(fd_read_all(ends[0], &out, &e), 0);
	close(ends[0]);
	expect_bytes(&out, "a [MASKED] b", 12, "stream");
	ck_assert_int_eq(redact_stream(-1, 1, s, &e), -1);
	redact_set_free(s);
}
END_TEST

/* No memory may be locked: it is said, and the set works all the same. Checks run in a child. */
START_TEST(locked_memory_is_not_required)
{
	const struct rlimit none = { 0, 0 };
	struct err e = { 0 };
	ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	struct redact_set *s = redact_set_new(NULL, &e);
	ck_assert_ptr_nonnull(s);
	if (geteuid() != 0)
		ck_assert(!redact_set_locked(s));
	ck_assert_int_eq(redact_set_add(s, "S", "hunter2xyz", 10, &e), 0);
	ck_assert_int_eq(redact_set_build(s, &e), 0);
	expect_n(s, "a hunter2xyz b", 14, "a [MASKED] b", "not locked");
	redact_set_free(s);
}
END_TEST

START_TEST(a_built_set_is_immutable)
{
	struct err e = { 0 };
	struct redact_set *s = set_of(NONE, NULL);
	ck_assert_int_eq(redact_set_add(s, "N", "whatever", 8, &e), -1);
	ck_assert_int_eq(redact_set_prefix(s, "x-", &e), -1);
	ck_assert_int_eq(redact_set_build(s, &e), -1);
	redact_set_free(s);
	s = redact_set_new(NULL, &e);
	ck_assert_ptr_null(redactor_new(s, &e));
	redact_set_free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redact");
	TCase *rules = tcase_create("rules");
	static const TTest *const *const tests[] = {
		&vectors,
		&new_between_lines,
		&values_are_judged,
		&json_strings_are_secrets,
		&colours_survive,
		&utf16_is_read,
		&only_what_may_match_is_held,
		&the_held_part_is_bounded,
		&cut_streams_show_no_half_secret,
		&secrets_can_be_added,
		&credentials_are_known_by_form,
		&the_mask_can_be_another,
		&memory_is_bounded,
		&a_built_set_is_immutable,
		&a_file_can_be_redacted,
		&locked_memory_is_not_required,
	};
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(rules, *tests[i]);
	suite_add_tcase(suite, rules);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
