#include "runner/profile.h"

#include "base/str.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* --- when --------------------------------------------------------------------------------------- */

static bool is_protected(const struct profile_facts *f, const char *word, size_t n)
{
	(void)word, (void)n;
	return f->protected_ref;
}

static bool is_unprotected(const struct profile_facts *f, const char *word, size_t n)
{
	(void)word, (void)n;
	return !f->protected_ref;
}

static bool is_fork(const struct profile_facts *f, const char *word, size_t n)
{
	(void)word, (void)n;
	return f->from_fork;
}

static bool has_label(const struct profile_facts *f, const char *word, size_t n)
{
	for (const char *s = f->labels; *s; s += *s == '\n') {
		size_t len = strcspn(s, "\n");
		if (len == n && memcmp(s, word, n) == 0)
			return true;
		s += len;
	}
	return false;
}

/* What a rule can ask; one that ends in ':' is followed by a word. */
static const struct when {
	const char *name;
	bool (*fits)(const struct profile_facts *f, const char *word, size_t n);
} whens[] = {
	{ "protected", is_protected },
	{ "unprotected", is_unprotected },
	{ "fork", is_fork },
	{ "label:", has_label },
};
enum { WHENS = sizeof whens / sizeof *whens };

/* The row of rule[0..n), and its word; NULL none. */
static const struct when *when_of(const char *rule, size_t n, const char **word, size_t *word_n)
{
	for (size_t i = 0; i < WHENS; i++) {
		size_t len = strlen(whens[i].name);
		bool more = whens[i].name[len - 1] == ':';
		if (len > n || memcmp(whens[i].name, rule, len) != 0 || more != (n > len))
			continue;
		*word = rule + len;
		*word_n = n - len;
		return &whens[i];
	}
	return NULL;
}

const char *profile_rule_check(const char *rule, struct err *e)
{
	const char *equals = strrchr(rule, '='), *word, *names[WHENS];
	char when[64];
	size_t n = equals ? (size_t)(equals - rule) : strlen(rule), word_n;
	if (equals && when_of(rule, n, &word, &word_n))
		return equals + 1;
	for (size_t i = 0; i < WHENS; i++)
		names[i] = whens[i].name;
	snprintf(when, sizeof when, "%.*s", n < sizeof when ? (int)n : (int)sizeof when - 1, rule);
	const char *near = str_nearest(when, names, WHENS);
	if (near && strcmp(near, when) != 0)
		err_set(e, EINVAL, "\"%s\": did you mean \"%s\"?", when, near);
	else
		err_set(e, EINVAL, "\"%s\" is not one of: protected, unprotected, fork, label:NAME",
			when);
	return NULL;
}

bool profile_is_asked(const struct config_runner *from)
{
	return *from->profile || from->nprofile_rules;
}

/* --- values ------------------------------------------------------------------------------------- */

struct list {
	const char *const *items;
	size_t n;
};

static struct list list_at(const struct config_key *k, const struct config_runner *r)
{
	struct list l;
	memcpy(&l.items, (const char *)r + k->to, sizeof l.items);
	memcpy(&l.n, (const char *)r + k->count, sizeof l.n);
	return l;
}

static void list_put(const struct config_key *k, struct config_runner *r, const struct list *l)
{
	memcpy((char *)r + k->to, &l->items, sizeof l->items);
	memcpy((char *)r + k->count, &l->n, sizeof l->n);
}

static bool list_has(const struct list *l, const char *item)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->items[i], item) == 0)
			return true;
	return false;
}

static uint64_t number_at(const struct config_key *k, const struct config_runner *r)
{
	uint64_t v;
	memcpy(&v, (const char *)r + k->to, sizeof v);
	return v;
}

static uint64_t amount_at(const struct config_key *k, const struct config_runner *r)
{
	uint64_t v = number_at(k, r), zero = k->zero ? k->zero : UINT64_MAX;
	return v ? v : zero;
}

static int word_at(const struct config_key *k, const struct config_runner *r)
{
	int v;
	memcpy(&v, (const char *)r + k->to, sizeof v);
	return v;
}

/* Does a give something that b does not. */
typedef bool more_fn(const struct config_key *k, const struct config_runner *a,
		     const struct config_runner *b);

static bool more_amount(const struct config_key *k, const struct config_runner *a,
			const struct config_runner *b)
{
	return amount_at(k, a) > amount_at(k, b);
}

static bool more_by_rank(const struct config_key *k, const struct config_runner *a,
			 const struct config_runner *b)
{
	return k->ranks[word_at(k, a)] < k->ranks[word_at(k, b)];
}

static bool more_items(const struct config_key *k, const struct config_runner *a,
		       const struct config_runner *b)
{
	struct list mine = list_at(k, a), theirs = list_at(k, b);
	for (size_t i = 0; i < mine.n; i++)
		if (!list_has(&theirs, mine.items[i]))
			return true;
	return false;
}

static more_fn *const more[CONFIG_STRICTS] = {
	[CONFIG_LEAST] = more_amount,
	[CONFIG_RANKED] = more_by_rank,
	[CONFIG_COMMON] = more_items,
};

static void copy(const struct config_key *k, struct config_runner *to,
		 const struct config_runner *from)
{
	static const size_t sizes[CONFIG_STRICTS] = { [CONFIG_LEAST] = sizeof(uint64_t),
						      [CONFIG_RANKED] = sizeof(int),
						      [CONFIG_COMMON] = sizeof(char *) };
	memcpy((char *)to + k->to, (const char *)from + k->to, sizes[k->strict]);
	if (k->strict == CONFIG_COMMON)
		memcpy((char *)to + k->count, (const char *)from + k->count, sizeof(size_t));
}

/* Leave in to's list what with's has as well. */
static int keep_common(const struct config_key *k, struct config_runner *to,
		       const struct config_runner *with, struct arena *a, struct err *e)
{
	struct list mine = list_at(k, to), theirs = list_at(k, with), both = { 0 };
	const char **items = arena_array(a, mine.n, sizeof *items, e);
	if (!items)
		return -1;
	for (size_t i = 0; i < mine.n; i++)
		if (list_has(&theirs, mine.items[i]))
			items[both.n++] = mine.items[i];
	both.items = items;
	list_put(k, to, &both);
	return 0;
}

/* --- the choice --------------------------------------------------------------------------------- */

static void add_fit(const struct config *c, struct profile_choice *to, const char *name,
		    const struct profile_fit *fit)
{
	for (size_t i = 0; i < to->n; i++)
		if (strcmp(to->fits[i].profile->name, name) == 0)
			return;
	for (size_t i = 0; i < c->nprofiles; i++)
		if (strcmp(c->profiles[i].name, name) == 0) {
			to->fits[to->n] = *fit;
			to->fits[to->n++].profile = &c->profiles[i];
			return;
		}
}

/* Those of rules first: they say more about the job. */
static void find_fits(const struct profile_asked *q, struct profile_choice *to)
{
	static const char always[] = "profile";
	const struct config_runner *from = q->from;
	for (size_t i = 0; q->facts && i < from->nprofile_rules; i++) {
		const char *rule = from->profile_rules[i], *word, *equals = strrchr(rule, '=');
		size_t n = (size_t)(equals - rule), word_n;
		const struct when *when = when_of(rule, n, &word, &word_n);
		const struct profile_fit fit = { .why = rule, .why_n = n };
		if (when && when->fits(q->facts, word, word_n))
			add_fit(q->config, to, equals + 1, &fit);
	}
	const struct profile_fit fit = { .why = always, .why_n = sizeof always - 1 };
	add_fit(q->config, to, from->profile, &fit);
}

/* One key, of all that fit. */
static int take_key(size_t at, struct profile_choice *to, struct arena *a, struct err *e)
{
	const struct config_key *k = &config_profile_level.keys[at];
	for (size_t i = 0; i < to->n; i++) {
		const struct config_profile *p = to->fits[i].profile;
		if (!p->named[at])
			continue;
		if (to->by[at] && k->strict == CONFIG_COMMON) {
			if (keep_common(k, &to->rights, &p->rights, a, e) < 0)
				return -1;
		} else if (!to->by[at] || more[k->strict](k, &to->rights, &p->rights)) {
			copy(k, &to->rights, &p->rights);
			to->by[at] = (unsigned char)(i + 1);
		}
	}
	return 0;
}

int profile_choose(const struct profile_asked *q, struct arena *a, struct profile_choice *ret,
		   struct err *e)
{
	*ret = (struct profile_choice){ .rights = *q->from };
	find_fits(q, ret);
	for (size_t i = 0; i < config_profile_level.n; i++)
		if (take_key(i, ret, a, e) < 0)
			return -1;
	return 0;
}

/* --- words -------------------------------------------------------------------------------------- */

int profile_names(const struct profile_choice *c, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < c->n; i++)
		if (buf_printf(out, e, "%s%s (%.*s)", i ? ", " : "", c->fits[i].profile->name,
			       (int)c->fits[i].why_n, c->fits[i].why) < 0)
			return -1;
	return c->n ? 0 : buf_str(out, "none", e);
}

int profile_weaker(const struct profile_choice *c, const struct config_runner *from,
		   struct buf *out, struct err *e)
{
	size_t before = out->len;
	for (size_t i = 0; i < config_profile_level.n; i++) {
		const struct config_key *k = &config_profile_level.keys[i];
		if (c->by[i] && more[k->strict](k, &c->rights, from) &&
		    buf_printf(out, e, "%s%s", out->len > before ? ", " : "", k->name) < 0)
			return -1;
	}
	return 0;
}

static int list_value(const struct list *l, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < l->n; i++)
		if (buf_printf(out, e, "%s%s", i ? ", " : "[", l->items[i]) < 0)
			return -1;
	return buf_str(out, l->n ? "]" : "[]", e);
}

int profile_value(const struct config_key *k, const struct config_runner *of, struct buf *out,
		  struct err *e)
{
	struct list l = { 0 };
	if (k->strict == CONFIG_LEAST)
		return buf_printf(out, e, "%llu", (unsigned long long)number_at(k, of));
	if (k->strict == CONFIG_RANKED)
		return buf_str(out, k->words[word_at(k, of)], e);
	l = list_at(k, of);
	return list_value(&l, out, e);
}
