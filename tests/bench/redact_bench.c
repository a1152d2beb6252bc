/*
 * How fast the redactor is: MB/s of input on one core, for what jobs print and for the worst of it.
 *
 * usage: redact_bench [WHAT] measures what has WHAT in its name; redact_bench search SECONDS [SEED] looks for
 * a text that is slower than those that are known: the slowest found are printed as they stand below.
 */
#include "executor/redact.h"
#include "executor/redact_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZE = 32 << 20, RUNS = 3, CHUNK = 64 << 10 };

static unsigned seed = 1;

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

/* Secrets that a hostile job may have registered: they fit themselves, each other, escapes and credentials. */
static const char *const hostile[] = {
	"Kq7ZpX2mVb9TfLw3",
	"correct horse battery staple",
	"hunter2xyz-12345",
	"aaaaaaaaaaaaaaaaaaaaaaaa",
	"abababababababababab",
	"aabaabaabaabaabaabaab",
	"aaaaaaaab",
	"abcabcabcabcabcabcabcabd",
	"[0m[0m[0m[0m[0m[0m",
	"31;1;4;7m31;1;4;7m",
	"?sig=?sig=?sig=",
	"glpat-glpat-glpat-",
	"://a:b@://a:b@://a:b@",
	"eyJ.eyJ.eyJ.eyJ",
	"a b a b a b a b a b",
	"]0;a",
	"\\\"\\\"\\\"\\\"\\\"",
	"Authorization: Basic YWJhYmFiYWJhYg==",
	"6162616261626162",
	"YWJhYmFiYWJhYmFi",
};
enum { HOSTILE = sizeof hostile / sizeof *hostile };

static void random_secret(char *p, size_t n)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	for (size_t i = 0; i < n; i++)
		p[i] = letters[(size_t)rand_r(&seed) % (sizeof letters - 1)];
	p[n] = '\0';
}

/* A set of n random secrets, or, for 0, of the hostile ones; the last one comes back, to be printed. */
static struct redact_set *set_of(size_t n, char last[64], double *build_ms)
{
	struct err e = { 0 };
	struct redact_set *s = redact_set_new(NULL, &e);
	double from = seconds();
	for (size_t i = 0; s && i < (n ? n : HOSTILE); i++) {
		if (n)
			random_secret(last, 20 + (size_t)rand_r(&seed) % 20);
		else
			snprintf(last, 64, "%s", hostile[i]);
		if (redact_set_add(s, "S", last, strlen(last), &e) < 0)
			die(e.msg);
	}
	if (!s || redact_set_build(s, &e) < 0)
		die(e.msg);
	*build_ms = (seconds() - from) * 1e3;
	return s;
}

/* Lines as compilers, package managers and test runners print them. */
static void log_text(char *p, size_t n, const char *hit, size_t every)
{
	static const char *const forms[] = {
		"[%4u/2210] Building C object src/core/CMakeFiles/core.dir/module_%u.c.o\n",
		"2024-11-24T18:%02u:12.%06uZ INFO  worker: processed batch of rows in 12ms\n",
		"Get:%u file:/srv/packages stable/main amd64 libfoo%u amd64 1.2-3 [45.6 kB]\n",
		"tests/unit/test_parser.py::test_case_%u PASSED                        [ %u%%]\n",
		"added %u packages, and audited %u packages in 3s\n",
		"  Compiling serde_derive v1.0.%u (registry+https://index.example/rust#%08x)\n",
		"warning: unused variable: `x%u` [-Wunused-variable] at line %u, column 14\n",
		"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f0%04x %08x done\n",
	};
	size_t at = 0, line = 0;
	while (at + 256 < n) {
		const char *form = forms[(size_t)rand_r(&seed) % (sizeof forms / sizeof *forms)];
		unsigned a = (unsigned)rand_r(&seed) % 100, b = (unsigned)rand_r(&seed) % 10000;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		at += (size_t)snprintf(p + at, 200, form, a, b);
#pragma GCC diagnostic pop
		if (hit && ++line % every == 0)
			at += (size_t)snprintf(p + at, 100, "password is %s\n", hit);
	}
	memset(p + at, '\n', n - at);
}

static void colour_text(char *p, size_t n)
{
	static const char line[] =
		"\033[32m  PASS \033[0m src/app/\033[1mcomponent.test.ts\033[22m "
		"(\033[2m5 tests\033[22m) in 240 ms\n";
	for (size_t i = 0; i < n; i++)
		p[i] = line[i % (sizeof line - 1)];
}

/* A text over and over. */
static void repeat(char *p, size_t n, const char *text, size_t len)
{
	for (size_t i = 0; len && i < n; i++)
		p[i] = text[i % len];
}

/* Only what has this in its name is measured. */
static const char *only = "";
static double least = 1e9;

/* The least time of some runs over p[0..n). */
static double time_of(const struct redact_set *s, const char *p, size_t n, int runs)
{
	struct err e = { 0 };
	double best = 1e9;
	autobuf out = BUF(64 << 20);
	for (int run = 0; run < runs; run++) {
		struct redactor *r = redactor_new(s, &e);
		double from = seconds();
		for (size_t i = 0; r && i < n; i += CHUNK) {
			buf_clear(&out);
			if (redactor_feed(r, p + i, CHUNK, &out, &e) < 0)
				die(e.msg);
		}
		if (!r || redactor_flush(r, false, &out, &e) < 0)
			die(e.msg);
		double took = seconds() - from;
		best = took < best ? took : best;
		redactor_free(r);
	}
	return best;
}

static void measure(const char *what, const struct redact_set *s, const char *p)
{
	if (!strstr(what, only))
		return;
	double best = time_of(s, p, SIZE, RUNS);
	least = SIZE / best < least ? SIZE / best : least;
	printf("%-52s %7.0f MB/s\n", what, SIZE / best / 1e6);
}

/* The text of all secrets' beginnings: what keeps the automata busy. */
static size_t beginnings(const struct redact_set *s, char *to, size_t max)
{
	size_t n = 0;
	for (int lane = 0; lane < LANES; lane++)
		for (size_t i = 0; i < s->n[lane]; i++) {
			const struct needle *v = &s->needles[lane][i];
			size_t len = v->n - 1;
			if (n + len > max)
				return n;
			memcpy(to + n, v->p, len);
			n += len;
		}
	return n;
}

/* What somebody would print who knows how this is made. */
static const struct flood {
	const char *what, *text;
} floods[] = {
	{ "nothing but colours", "\033[31m" },
	{ "escapes of all kinds", "\033]0;x\007\033[1;31mab\033(B" },
	{ "nothing but ESC", "\033" },
	{ "escapes that are cut short", "\033[\033]\033(\033[1" },
	{ "an escape after each letter", "g\033[0ml\033[0mp\033[0ma\033[0mt\033[0m-\033[0m" },
	{ "escapes with words in them", "\033]0;https://a:b@c?sig=1\007glpat-\033[0m" },
	{ "escapes that begin a credential", "A\033?sig=" },
	{ "credentials that an escape ends", "glpat-K\033" },
	{ "words that end behind escapes", "s.s.\033" },
	{ "escapes in a token's form", "eyJ\033 \033[JOB-TOKEN: " },
	{ "nothing but short colours", "\033[m" },
	{ "white space", " \n" },
	{ "a letter, white space", "s \tg\n" },
	{ "beginnings of URLs", "://a:b " },
	{ "passwords of URLs", "://a:b@c:d@e:f@g" },
	{ "credentials by form", "https://user:pw@h/?sig=1 glpat-xx eyJab.eyJ " },
	{ "tokens of GitLab", "glpat-x " },
	{ "headers", "Authorization: Basic YTpi JOB-TOKEN: x " },
	{ "Basic for long", "Authorization: Basic " },
	{ "JWTs", "eyJeyJeyJeyJ.eyJ.eyJ " },
	{ "s.", "s.s.s.s.0123456789abcdef0123456789ab s." },
	{ "BEGIN lines", "-----BEGIN PRIVATE KEY-----\n" },
	{ "BEGIN of BEGIN", "-----BEGIN A -----BEGIN PRIVATE KEY" },
	{ "a key and what is not one",
	  "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n- -\n- -\n-----END A-----\n" },
	{ "dashes", "-" },
	{ "all runs at once", "://a:eyJa?sig=glpat-npm_pypi-AKIAs.hvs.xoxb-"
			      "-----BEGIN PRIVATE KEY-----\nJOB-TOKEN=Authorization:Basic YQ" },
	{ "one letter", "aaaaaaaa" },
};

static void flood(const struct redact_set *s, char *p)
{
	for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
		char what[64];
		snprintf(what, sizeof what, "worst: %s", floods[i].what);
		repeat(p, SIZE, floods[i].text, strlen(floods[i].text));
		measure(what, s, p);
	}
}

/* Beginnings of secrets with so much between them that the automata have just gone to sleep. */
static size_t apart(const struct redact_set *s, char *to, size_t max)
{
	size_t n = 0, len = 12, gap = 140;
	for (size_t i = 0; i < s->n[LANE_DENSE] && n + len + gap <= max; i++) {
		memcpy(to + n, s->needles[LANE_DENSE][i].p, len);
		memset(to + n + len, '.', gap);
		n += len + gap;
	}
	return n;
}

static void worst(const struct redact_set *s, char *p, const char *secret)
{
	static char text[1 << 20];
	size_t n = beginnings(s, text, sizeof text);
	repeat(p, SIZE, text, n);
	measure("worst: needles without their last byte", s, p);
	repeat(p, SIZE, secret, strlen(secret));
	measure("worst: one secret over and over", s, p);
	n = apart(s, text, sizeof text);
	repeat(p, SIZE, text, n);
	measure("worst: beginnings of needles, dots between them", s, p);
	for (size_t i = 0, at = 0; i < SIZE; i++) {
		p[i] = i & 1 ? ' ' : secret[at];
		at = i & 1 ? at : secret[at + 1] ? at + 1 : 0;
	}
	measure("worst: a secret with a space after each letter", s, p);
	flood(s, p);
	for (size_t i = 0; i < SIZE; i++)
		p[i] = (char)rand_r(&seed);
	measure("random bytes", s, p);
}

/* --- the search --------------------------------------------------------------------------------- */

enum { TEXT_MAX = 192, KEPT = 24, TRIAL = 2 * CHUNK, SLOWEST = 12 };

struct trial {
	unsigned char text[TEXT_MAX];
	size_t n;
	double rate; /* MB/s */
};

/* What texts are made of, beside what is looked for. */
static const char *const fragments[] = {
	"\033",
	"\033[",
	"\033[m",
	"\033[31m",
	"\033[0;1m",
	"\033]",
	"\033]0;",
	"\033P",
	"\033_",
	"\033(B",
	"\033(",
	"\033?",
	"\033 ",
	"\033\\",
	"\033X",
	"\033^",
	"\007",
	"m",
	"\030",
	" ",
	"\n",
	"\r\n",
	"\t",
	"  ",
	"a",
	"b",
	"A",
	"K",
	"=",
	":",
	"@",
	".",
	"-",
	"/",
	"0",
	"\"",
	"'",
	"\\",
	"glpat-",
	"ghp_",
	"npm_",
	"AKIA",
	"s.",
	"eyJ",
	".eyJ",
	"://",
	"://a:b@",
	"?sig=",
	"&sig=",
	"&amp;sig=",
	"-----BEGIN",
	"-----END",
	"-----",
	" PRIVATE KEY",
	"Basic ",
	"Bearer ",
	"JOB-TOKEN:",
	"PRIVATE-TOKEN: ",
	"Authorization:",
	"_gitlab_session=",
	"0123456789abcdef",
	"AAAAAAAAAAAAAAAA",
	"%41",
	"\\u0026",
	"\\n",
};
enum { FRAGMENTS = sizeof fragments / sizeof *fragments };

static size_t below(size_t n)
{
	return (size_t)rand_r(&seed) % n;
}

/* Some bytes to put into a text: a fragment, a piece of a needle or a word, or any byte. */
static size_t fragment(const struct redact_set *s, unsigned char *to)
{
	size_t pick = below(10), n, from;
	if (pick == 0) {
		*to = (unsigned char)(1 + below(255));
		return 1;
	}
	if (pick < 6) {
		const char *f = fragments[below(FRAGMENTS)];
		memcpy(to, f, n = strlen(f));
		return n;
	}
	size_t lane = below(LANES + 1);
	const struct needle *v = lane == LANES ? &s->words.needles[below(s->words.nneedles)]
					       : &s->needles[lane][below(s->n[lane])];
	n = v->n < 40 ? v->n : 40;
	from = below(3) ? 0 : below(n);
	n = below(2) ? n - from : 1 + below(n - from);
	memcpy(to, v->p + from, n);
	return n;
}

/* Replace `drop` bytes at i by n others, as far as there is room. */
static void splice(struct trial *t, size_t i, size_t drop, const unsigned char *p, size_t n)
{
	drop = drop < t->n - i ? drop : t->n - i;
	if (t->n - drop + n > TEXT_MAX)
		return;
	memmove(t->text + i + n, t->text + i + drop, t->n - i - drop);
	memcpy(t->text + i, p, n);
	t->n += n - drop;
}

static void mutate(const struct redact_set *s, struct trial *t, const struct trial *other)
{
	unsigned char piece[TEXT_MAX];
	for (size_t times = 1 + below(3); times; times--) {
		size_t i = below(t->n + 1), n = 0, drop = 0, pick = below(8),
		       from = below(other->n);
		if (pick < 4)
			n = fragment(s, piece);
		else if (pick == 4)
			memcpy(piece, other->text + from, n = 1 + below(other->n - from));
		if (pick == 3 || pick > 4)
			drop = 1 + below(pick == 5 ? 12 : 3);
		splice(t, i, drop, piece, n);
	}
}

static void rate(const struct redact_set *s, struct trial *t, int runs)
{
	static char p[TRIAL];
	repeat(p, TRIAL, (const char *)t->text, t->n);
	t->rate = TRIAL / time_of(s, p, TRIAL, runs) / 1e6;
}

static void print_trial(const struct trial *t)
{
	printf("%6.1f MB/s \"", t->rate);
	for (size_t i = 0; i < t->n; i++) {
		unsigned char c = t->text[i];
		if (c < ' ' || c > '~')
			printf("\\%03o", c);
		else
			printf(c == '"' || c == '\\' ? "\\%c" : "%c", c);
	}
	printf("\"\n");
}

static int trial_order(const void *a, const void *b)
{
	const struct trial *x = a, *y = b;
	return (x->rate > y->rate) - (x->rate < y->rate);
}

/* A new text in place of one of the kept: a few of its own, then only what is slower. */
static void climb(const struct redact_set *s, struct trial *kept, size_t round)
{
	size_t which = below(KEPT);
	struct trial t = kept[which];
	if (round % 400 == 399) /* once in a while from the beginning, with what is fastest */
		t.n = 0;
	do
		mutate(s, &t, &kept[below(KEPT)]);
	while (t.n == 0);
	rate(s, &t, 1);
	if (t.rate < kept[which].rate)
		rate(s, &t, 3);
	if (t.rate < kept[which].rate)
		kept[which] = t;
}

static int search(const char *for_seconds, const char *with_seed)
{
	static struct trial kept[KEPT];
	char last[64];
	double build_ms, end = seconds() + strtod(for_seconds, NULL);
	struct redact_set *s = set_of(0, last, &build_ms);
	size_t round = 0;
	seed = (unsigned)strtoul(with_seed, NULL, 10);
	for (size_t i = 0; i < KEPT; i++) {
		kept[i].text[0] = 'a';
		kept[i].n = 1;
		for (int k = 0; k < 6; k++)
			mutate(s, &kept[i], &kept[i]);
		kept[i].n += kept[i].n == 0;
		rate(s, &kept[i], 3);
	}
	while (seconds() < end)
		climb(s, kept, round++);
	for (size_t i = 0; i < KEPT; i++)
		rate(s, &kept[i], 5);
	qsort(kept, KEPT, sizeof *kept, trial_order);
	printf("%zu texts tried\n", round);
	for (size_t i = 0; i < SLOWEST; i++)
		print_trial(&kept[i]);
	redact_set_free(s);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "search") == 0)
		return search(argv[2], argc > 3 ? argv[3] : "1");
	only = argc > 1 ? argv[1] : only;
	char *p = malloc(SIZE), last[64] = "";
	static const size_t counts[] = { 0, 20, 112 };
	if (!p)
		die("out of memory");
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		double build_ms;
		struct redact_set *s = set_of(counts[i], last, &build_ms);
		printf("%s%zu secrets, %zu needles: built in %.2f ms, %zu KiB, window %u\n",
		       counts[i] ? "" : "hostile: ", counts[i] ? counts[i] : HOSTILE,
		       redact_set_needles(s), build_ms, redact_set_memory(s) >> 10, s->gate.window);
		log_text(p, SIZE, NULL, 1);
		measure("log text without a hit", s, p);
		if (counts[i]) {
			log_text(p, SIZE, last, 100);
			measure("log text, a hit every 100 lines", s, p);
			log_text(p, SIZE, last, 1);
			measure("log text, a hit every other line", s, p);
		}
		colour_text(p, SIZE);
		measure("coloured text", s, p);
		worst(s, p, last);
		redact_set_free(s);
	}
	printf("%-52s %7.0f MB/s\n", "the least of them", least / 1e6);
	free(p);
	return 0;
}
