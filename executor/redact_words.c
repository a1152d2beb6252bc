/* The words that patterns begin with. */
#include "executor/redact_words.h"

#include <string.h>

/* Arrays, not pointers: what the linker would have to relocate is memory of every worker's own. */
struct word {
	char text[19];
	uint8_t kind;
};

static const struct word known[] = {
	{ "glpat-", PREFIX },
	{ "glrt-", PREFIX },
	{ "glrtr-", PREFIX },
	{ "gldt-", PREFIX },
	{ "glcbt-", PREFIX },
	{ "glptt-", PREFIX },
	{ "glft-", PREFIX },
	{ "glimt-", PREFIX },
	{ "glagent-", PREFIX },
	{ "gloas-", PREFIX },
	{ "glsoat-", PREFIX },
	{ "glffct-", PREFIX },
	{ "gltok-", PREFIX },
	{ "_gitlab_session=", PREFIX },
	{ "ghp_", LONG },
	{ "gho_", LONG },
	{ "ghu_", LONG },
	{ "ghs_", LONG },
	{ "ghr_", LONG },
	{ "github_pat_", LONG },
	{ "hvs.", LONG },
	{ "hvb.", LONG },
	{ "hvr.", LONG },
	{ "xoxa-", LONG },
	{ "xoxb-", LONG },
	{ "xoxp-", LONG },
	{ "xoxr-", LONG },
	{ "xoxs-", LONG },
	{ "dckr_pat_", LONG },
	{ "npm_", NPM },
	{ "pypi-", PYPI },
	{ "akia", AWS },
	{ "asia", AWS },
	{ "s.", DOT },
	{ "eyj", JWT },
	{ "://", USER },
	{ "authorization", AUTHORIZATION },
	{ "x-vault-token", HEADER },
	{ "private-token", HEADER },
	{ "job-token", HEADER },
	{ "-----begin", KEY },
	{ "-----end", KEY_END },
};

const struct words_run words_runs[KINDS] = {
	[PREFIX] = { C_TOKEN, 1 }, [LONG] = { C_TOKEN, 12 }, [NPM] = { C_ALNUM, 20 },
	[PYPI] = { C_TOKEN, 32 },  [AWS] = { C_UPPER, 16 },  [DOT] = { C_ALNUM, 24 },
	[PARAM] = { C_PARAM, 1 },
};

static const char param_names[][21] = {
	"private_token",    "authenticity_token",   "rss_token", "x-amz-signature",
	"x-amz-credential", "x-amz-security-token", "sig",       "access_token",
	"x-goog-signature",
};
static const char param_starts[][7] = { "?", "&", "&amp;", "\\u0026" };

/* Letters and digits and a few more; or every printable byte but these. */
static const struct class_row {
	uint16_t class;
	bool capital; /* no small letters */
	bool but;
	char also[14];
} class_rows[] = {
	{ C_ALNUM, false, false, "" },
	{ C_UPPER, true, false, "" },
	{ C_LABEL, true, false, " " },
	{ C_TOKEN, false, false, "-._=" },
	{ C_BASE64, false, false, "+/=" },
	{ C_JWT, false, false, "-_" },
	{ C_VALUE, false, false, "-._~+/=" },
	{ C_WORD, false, false, "_" },
	{ C_USER, false, true, "/?#@:\"'<>\\|`" },
	{ C_PASS, false, true, "/?#\"<>\\`" },
	{ C_PARAM, false, true, "?&\"<>" },
};

static bool in_class(const struct class_row *row, unsigned char c)
{
	bool letter = words_lower(c) >= 'a' && words_lower(c) <= 'z';
	bool named = c && strchr(row->also, c);
	if (row->but)
		return c > ' ' && c != 0x7f && !named;
	return (letter && !row->capital) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       named;
}

static uint16_t class_of(unsigned char c)
{
	unsigned class = C_ANY | (c == '.' ? C_DOT : 0);
	for (size_t i = 0; i < sizeof class_rows / sizeof *class_rows; i++)
		class |= in_class(&class_rows[i], c) ? class_rows[i].class : 0;
	return (uint16_t) class;
}

/* By mode: bytes of a class but one are dull. */
static const struct {
	uint16_t class;
	unsigned char but;
} modes[MODES] = {
	[PREFIX] = { C_TOKEN, 0 },    [LONG] = { C_TOKEN, 0 },        [NPM] = { C_ALNUM, 0 },
	[PYPI] = { C_TOKEN, 0 },      [AWS] = { C_UPPER, 0 },         [DOT] = { C_ALNUM, 0 },
	[JWT] = { C_JWT | C_DOT, 0 }, [USER] = { C_USER, 0 },         [PARAM] = { C_PARAM, 0 },
	[SCHEME] = { C_ANY, ' ' },    [SCHEME_TOO] = { C_ANY, ' ' },  [LABEL] = { C_LABEL, '-' },
	[JWT_HEAD] = { C_JWT, 0 },    [USER_PASS] = { C_PASS, '@' },  [VALUE] = { C_VALUE, 0 },
	[VALUE_TOO] = { C_VALUE, 0 }, [END_LABEL] = { C_LABEL, '-' }, [NO_END] = { C_ANY, 0 },
};

static uint32_t dull_in(unsigned char c, uint16_t class)
{
	uint32_t bits = 0;
	for (unsigned mode = 0; mode < MODES; mode++)
		if (class & modes[mode].class && (!modes[mode].but || c != modes[mode].but))
			bits |= 1U << mode;
	return bits;
}

/* a then b then c, in lower case, as a needle. */
static int word_add(struct words *s, const char *const part[3], unsigned kind,
		    struct redact_region *r, struct err *e)
{
	size_t n = strlen(part[0]) + strlen(part[1]) + strlen(part[2]), at = 0;
	unsigned char *p = region_take(r, n, e);
	if (!p)
		return -1;
	for (unsigned i = 0; i < 3; i++)
		for (const char *c = part[i]; *c; c++)
			p[at++] = words_lower((unsigned char)*c);
	s->needles[s->nneedles++] = (struct needle){ p, (uint32_t)n, kind + 1 };
	return 0;
}

static int words_add(struct words *s, const char *const *prefixes, struct redact_region *r,
		     struct err *e)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (word_add(s, (const char *[]){ known[i].text, "", "" }, known[i].kind, r, e) < 0)
			return -1;
	for (size_t k = 0; k < sizeof param_starts / sizeof *param_starts; k++)
		for (size_t i = 0; i < sizeof param_names / sizeof *param_names; i++)
			if (word_add(s, (const char *[]){ param_starts[k], param_names[i], "=" },
				     PARAM, r, e) < 0)
				return -1;
	for (size_t i = 0; prefixes[i]; i++)
		if (word_add(s, (const char *[]){ prefixes[i], "", "" }, PREFIX, r, e) < 0)
			return -1;
	return 0;
}

static void kinds_fill(struct words *s)
{
	for (size_t i = 0; i < s->nneedles; i++) {
		uint32_t state = 0;
		for (uint32_t k = 0; k < s->needles[i].n; k++)
			state = automaton_step(&s->lower, state, s->needles[i].p[k]);
		s->kinds[automaton_number(&s->lower, state)] = (uint8_t)s->needles[i].tag;
	}
}

int words_build(struct words *s, const char *const *prefixes, struct redact_region *r,
		struct err *e)
{
	size_t count = 0;
	while (prefixes[count])
		count++;
	size_t most = sizeof known / sizeof *known + count +
		      sizeof param_names / sizeof *param_names *
			      (sizeof param_starts / sizeof *param_starts);
	s->needles = region_take(r, most * sizeof *s->needles, e);
	s->classes = s->needles ? region_take(r, 256 * sizeof *s->classes, e) : NULL;
	if (!s->classes || words_add(s, prefixes, r, e) < 0 ||
	    automaton_build(&s->lower, s->needles, &s->nneedles, r, e) < 0)
		return -1;
	s->kinds = region_take(r, s->lower.nstates, e);
	if (!s->kinds)
		return -1;
	kinds_fill(s);
	for (unsigned c = 0; c < 256; c++)
		s->classes[c] = class_of((unsigned char)c);
	for (unsigned c = 0; c < 256; c++) {
		s->dull[c] = dull_in((unsigned char)c, s->classes[c]);
		s->folded[c] = words_lower((unsigned char)c);
	}
	return 0;
}
/* Whether a password may follow "://": an @ before anything that cannot be in one. */
static bool user_follows(const struct words *w, const unsigned char *p, size_t n)
{
	size_t i = 0;
	while (i < n && p[i] != '@' && (w->classes[p[i]] & (C_USER | C_PASS) || p[i] == ':'))
		i++;
	return i == n || p[i] == '@';
}

static bool run_follows(const struct words *w, unsigned kind, const unsigned char *p, size_t n)
{
	if (kind == USER)
		return user_follows(w, p, n);
	if (kind >= KINDS)
		return true;
	const struct words_run *run = &words_runs[kind];
	size_t i = 0;
	while (i < n && i < run->min && w->classes[p[i]] & run->class)
		i++;
	return i == n || i == run->min;
}

size_t words_begin(const struct words *w, const unsigned char *p, size_t n)
{
	const struct automaton *a = &w->lower;
	uint32_t state = 0;
	for (size_t i = 0; i < n; i++) {
		state = automaton_step(a, state, w->folded[p[i]]);
		if (automaton_depth(a, state) != i + 1)
			return 0;
		unsigned kind = w->kinds[automaton_number(a, state)];
		if (kind && kind - 1 != KEY_END && run_follows(w, kind - 1, p + i + 1, n - i - 1))
			return i + 1;
	}
	return n;
}
