/* The automata and the filter ahead of them against a matcher that is simple, slow and plain: random
 * texts over small alphabets, so that needles, near misses, escapes and white space meet often. */
#include "executor/redact.h"

#include "executor/redact_escape.h"
#include "executor/redact_range.h"
#include "executor/redact_set.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEXT_MAX = 4096, ROUNDS = 4000, BUDGET_MS = 2000 };

static unsigned seed;

static size_t below(size_t n)
{
	return n ? (size_t)rand_r(&seed) % n : 0;
}

/* One reading: the bytes that count, and where they stand. */
struct reading {
	unsigned char c[TEXT_MAX];
	size_t at[TEXT_MAX];
	bool ends[TEXT_MAX]; /* no match in the dense lane goes on with this byte */
	size_t n;
	size_t width; /* bytes between the last two runs of white space, or since the last */
	bool space, ended;
};

static void reading_start(struct reading *r, size_t width)
{
	r->n = 0;
	r->width = width;
	r->space = r->ended = false;
}

static void reading_add(struct reading *r, unsigned char c, size_t at, enum redact_lane lane)
{
	if (c == '\0')
		return;
	if (!redact_is_space(c)) {
		r->width = r->space ? 1 : r->width + 1;
		r->ends[r->n] = r->ended;
		r->space = r->ended = false;
		r->c[r->n] = c;
		r->at[r->n++] = at;
		return;
	}
	r->space = true;
	if (lane == LANE_DENSE) {
		r->ended |= c != ' ' && c != '\t' && r->width < 16;
		return;
	}
	if (lane == LANE_TEXT && (r->n == 0 || r->c[r->n - 1] != ' ')) {
		r->c[r->n] = ' ';
		r->ends[r->n] = false;
		r->at[r->n++] = at;
	}
}

static size_t width_of(const struct reading *r)
{
	return r->space ? 0 : r->width;
}

/* What of the text is masked, a flag a byte. */
struct marks {
	bool masked[TEXT_MAX], colour[TEXT_MAX];
};

/* Whether a line ends among the n bytes from i on that is too short to be a wrapped one. */
static bool is_ended(const struct reading *r, size_t i, size_t n)
{
	bool ended = false;
	for (size_t k = i + 1; k < i + n; k++)
		ended |= r->ends[k];
	return ended;
}

static void mark_needle(struct marks *m, const struct needle *v, const struct reading *r, size_t to)
{
	for (size_t i = 0; i + v->n <= r->n && r->at[i] < to; i++) {
		if (memcmp(r->c + i, v->p, v->n) != 0 || is_ended(r, i, v->n))
			continue;
		for (size_t x = r->at[i]; x <= r->at[i + v->n - 1]; x++)
			m->masked[x] = true;
	}
}

/* Every occurrence of every needle of the lane that begins before offset to. */
static void mark(struct marks *m, const struct redact_set *s, const struct reading *r,
		 enum redact_lane lane, size_t to)
{
	for (size_t k = 0; k < s->n[lane]; k++)
		mark_needle(m, &s->needles[lane][k], r, to);
}

struct text {
	const unsigned char *p;
	size_t n;
};

/* From within the escape [from, to) on, as if it were text, until the next one. */
static bool mark_within(struct marks *m, const struct redact_set *s, const struct text *t,
			const struct range *esc, size_t width)
{
	static struct reading r;
	const unsigned char *p = t->p;
	size_t n = t->n;
	bool hit = false;
	struct marks mine = { 0 };
	for (enum redact_lane lane = LANE_TEXT; lane < LANES; lane++) {
		reading_start(&r, width);
		for (size_t i = esc->from + 1; i < n && (i < esc->to || p[i] != 0x1b); i++)
			reading_add(&r, p[i], i, lane);
		mark(&mine, s, &r, lane, esc->to);
	}
	for (size_t i = 0; i < n; i++) {
		hit |= mine.masked[i];
		m->masked[i] |= mine.masked[i];
	}
	return hit;
}

static void reference(struct buf *out, const struct redact_set *s, const unsigned char *p, size_t n)
{
	static struct reading text, dense;
	static struct marks m;
	struct err e = { 0 };
	struct escape esc;
	size_t colours[TEXT_MAX] = { 0 };
	const struct text all = { p, n };
	reading_start(&text, 0);
	reading_start(&dense, 0);
	memset(&m, 0, sizeof m);
	for (size_t i = 0; i < n;) {
		if (p[i] != 0x1b) {
			reading_add(&text, p[i], i, LANE_TEXT);
			reading_add(&dense, p[i], i, LANE_DENSE);
			i++;
			continue;
		}
		ck_assert(escape_parse(p + i, n - i, true, &esc));
		struct range at = { i, i + esc.n };
		if (!mark_within(&m, s, &all, &at, width_of(&dense)) && esc.sgr)
			colours[i] = esc.n;
		i += esc.n;
	}
	mark(&m, s, &text, LANE_TEXT, n);
	mark(&m, s, &dense, LANE_DENSE, n);
	for (size_t i = 0; i < n; i++) {
		int r = 0;
		if (!m.masked[i])
			r = buf_char(out, (char)p[i], &e);
		else if (i == 0 || !m.masked[i - 1])
			r = buf_str(out, "[MASKED]", &e);
		if (r == 0 && m.masked[i] && colours[i])
			r = buf_add(out, p + i, colours[i], &e);
		ck_assert_int_eq(r, 0);
	}
}

static void redact(struct buf *out, const struct redact_set *s, const unsigned char *p, size_t n,
		   size_t piece)
{
	struct err e = { 0 };
	struct redactor *r = redactor_new(s, &e);
	ck_assert_ptr_nonnull(r);
	for (size_t i = 0; i < n; i += piece)
		ck_assert_int_eq(redactor_feed(r, p + i, n - i < piece ? n - i : piece, out, &e),
				 0);
	ck_assert_int_eq(redactor_flush(r, false, out, &e), 0);
	redactor_free(r);
}

static void same(const struct buf *got, const struct buf *want, const char *what, unsigned round)
{
	size_t i = 0;
	while (i < got->len && i < want->len && got->p[i] == want->p[i])
		i++;
	ck_assert_msg(got->len == want->len && i == got->len,
		      "round %u, %s: differs at %zu:\n%.90s\nwant\n%.90s", round, what, i,
		      buf_cstr(got) + (i > 30 ? i - 30 : 0),
		      buf_cstr(want) + (i > 30 ? i - 30 : 0));
}

/* Bits of text that are put together. */
static const char *const bits[] = {
	"a",         "b",      "c",       " ",       "\n",
	"\r\n",      "\t ",    "ab",      "ba",      "abc",
	"YWJh",      "6162",   "\033[1m", "\033[0m", "\033[31;1m",
	"\033]0;ab", "\007",   "\033",    "[",       "m",
	"1",         "\033\\", "\033(B",  "=",       "aaaaaaaaaaaaaaa",
};
enum { BITS = sizeof bits / sizeof *bits };

enum { WRAPPED = 256 };

/* A secret of at most 64 bytes in hex, somewhere in lines of about the width that may be a wrapped one. */
static size_t make_wrapped(unsigned char *p, const char *secret)
{
	static const char *const breaks[] = { "\n", "\r\n", "\n", " \n", " ", "\033[1m\n", "\r" };
	size_t width = 12 + below(8), column = below(width), n = 0;
	for (size_t i = 0; i < column; i++)
		p[n++] = 'c';
	for (size_t i = 0; i < 2 * strlen(secret); i++) {
		unsigned char c = (unsigned char)secret[i / 2];
		p[n++] = (unsigned char)"0123456789abcdef"[i & 1 ? c & 15 : c >> 4];
		if (++column < width)
			continue;
		column = 0;
		const char *end = breaks[below(sizeof breaks / sizeof *breaks)];
		memcpy(p + n, end, strlen(end));
		n += strlen(end);
	}
	return n;
}

static size_t make_text(unsigned char *p, size_t want, const char *const *secrets, size_t nsecrets)
{
	size_t n = 0;
	while (n < want) {
		const char *bit = bits[below(below(3) ? 10 : BITS)];
		size_t len = strlen(bit);
		if (below(16) == 0) {
			n += make_wrapped(p + n, secrets[below(nsecrets)]);
			continue;
		}
		if (below(12) == 0) {
			bit = secrets[below(nsecrets)];
			len = strlen(bit) - below(2) * below(3);
		} else if (below(40) == 0) {
			bit = "\0";
			len = 1;
		}
		if (n + len >= TEXT_MAX - WRAPPED)
			break;
		memcpy(p + n, bit, len);
		n += len;
	}
	return n;
}

static size_t make_secrets(char text[8][64], const char *secrets[8])
{
	size_t n = 1 + below(4);
	for (size_t i = 0; i < n; i++) {
		size_t len = 4 + below(below(4) ? 8 : 30);
		for (size_t k = 0; k < len; k++)
			text[i][k] = "aabbc \nm1"[below(k == 0 || k + 1 == len ? 5 : 9)];
		text[i][len] = '\0';
		secrets[i] = text[i];
	}
	return n;
}

static void one_round(unsigned round)
{
	static unsigned char p[TEXT_MAX];
	char text[8][64];
	const char *secrets[8] = { "", "", "", "", "", "", "", "" };
	struct err e = { 0 };
	size_t nsecrets = make_secrets(text, secrets);
	struct redact_set *s = redact_set_new(NULL, &e);
	for (size_t i = 0; i < nsecrets; i++)
		ck_assert_int_eq(redact_set_add(s, "S", secrets[i], strlen(secrets[i]), &e), 0);
	ck_assert_int_eq(redact_set_build(s, &e), 0);
	size_t n = make_text(p, below(4) ? 200 + below(400) : below(3500), secrets, nsecrets);
	autobuf want = BUF(1 << 20), whole = BUF(1 << 20), bytes = BUF(1 << 20),
		pieces = BUF(1 << 20);
	reference(&want, s, p, n);
	redact(&whole, s, p, n, n + 1);
	same(&whole, &want, "whole", round);
	redact(&bytes, s, p, n, 1);
	same(&bytes, &want, "byte by byte", round);
	redact(&pieces, s, p, n, 1 + below(n + 1));
	same(&pieces, &want, "in pieces", round);
	redact_set_free(s);
}

static bool time_is_up(const struct timespec *from)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000 >
	       BUDGET_MS;
}

START_TEST(equals_the_reference)
{
	struct timespec from;
	unsigned round = 0;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (; round < ROUNDS && !time_is_up(&from); round++) {
		seed = round;
		one_round(round);
	}
	ck_assert_uint_gt(round, 20);
}
END_TEST

/* Every two-way split of some texts that are long enough for the filter. */
START_TEST(splits_do_not_matter)
{
	static unsigned char p[TEXT_MAX];
	static const char *const secrets[] = { "abc ab1m", "bcab", "aabbaabbaabb" };
	struct err e = { 0 };
	struct redact_set *s = redact_set_new(NULL, &e);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(redact_set_add(s, "S", secrets[i], strlen(secrets[i]), &e), 0);
	ck_assert_int_eq(redact_set_build(s, &e), 0);
	for (seed = 1; seed < 4; seed++) {
		size_t n = make_text(p, 300, secrets, 3);
		autobuf want = BUF(1 << 20);
		reference(&want, s, p, n);
		for (size_t split = 0; split <= n; split++) {
			autobuf got = BUF(1 << 20);
			struct redactor *r = redactor_new(s, &e);
			ck_assert_int_eq(redactor_feed(r, p, split, &got, &e), 0);
			ck_assert_int_eq(redactor_feed(r, p + split, n - split, &got, &e), 0);
			ck_assert_int_eq(redactor_flush(r, false, &got, &e), 0);
			same(&got, &want, "split", (unsigned)split);
			redactor_free(r);
		}
	}
	redact_set_free(s);
}
END_TEST

/* Pieces of patterns: here the automata alone, byte by byte, are the reference for the filter. */
static const char *const forms[] = {
	"glpat-",
	"ghp_",
	"s.",
	"://",
	"u",
	":",
	"@",
	"/",
	"eyJ",
	".eyJ",
	".",
	"Authorization: ",
	"Basic ",
	"Bearer ",
	"\033[1m",
	"\033[0m",
	"\033]0;",
	"\007",
	" ",
	"\n",
	"?sig=",
	"&",
	"-----BEGIN PRIVATE KEY-----",
	"-----END PRIVATE KEY-----",
	"AKIA",
	"0123456789abcdef",
	"ABCDEFGHIJKLMNOPQRSTUVWX",
	"abcdefghabcdefghabcdefgh",
	"x",
	"token",
	"npm_",
	"-",
	"\r\n",
	"PRIVATE-TOKEN: ",
	"secret-word",
	"plain text of a log, ",
	"https://example.com/a/b ",
	"\033[s",
};

START_TEST(patterns_do_not_depend_on_pieces)
{
	static unsigned char p[TEXT_MAX];
	struct timespec from;
	struct err e = { 0 };
	struct redact_set *s = redact_set_new(NULL, &e);
	ck_assert_int_eq(redact_set_add(s, "S", "secret-word", 11, &e), 0);
	ck_assert_int_eq(redact_set_prefix(s, "tok", &e), 0);
	ck_assert_int_eq(redact_set_build(s, &e), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (unsigned round = 0; round < ROUNDS && !time_is_up(&from); round++) {
		size_t n = 0, want = 200 + round % 3000;
		seed = round;
		while (n < want) {
			const char *bit = forms[below(sizeof forms / sizeof *forms)];
			memcpy(p + n, bit, strlen(bit));
			n += strlen(bit);
		}
		autobuf bytes = BUF(1 << 20), whole = BUF(1 << 20), pieces = BUF(1 << 20);
		redact(&bytes, s, p, n, 1);
		redact(&whole, s, p, n, n);
		same(&whole, &bytes, "whole", round);
		redact(&pieces, s, p, n, 1 + below(n));
		same(&pieces, &bytes, "in pieces", round);
	}
	redact_set_free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redact lanes");
	TCase *lanes = tcase_create("lanes");
	tcase_add_test(lanes, equals_the_reference);
	tcase_add_test(lanes, splits_do_not_matter);
	tcase_add_test(lanes, patterns_do_not_depend_on_pieces);
	suite_add_tcase(suite, lanes);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
