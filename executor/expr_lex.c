#include "executor/expr_lex.h"

#include "base/str.h"
#include "executor/expr_number.h"
#include "executor/fold.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#define BIT(word) (1u << (word))

/* What may stand before a word. VALUE: something that can be indexed. BEGIN: where a value begins. */
enum {
	VALUE = BIT(WORD_GROUP_END) | BIT(WORD_CALL_END) | BIT(WORD_INDEX_END) | BIT(WORD_STAR) |
		BIT(WORD_PROPERTY) | BIT(WORD_CONTEXT),
	OPERAND = VALUE | BIT(WORD_LITERAL),
	BEGIN = BIT(WORD_NONE) | BIT(WORD_COMMA) | BIT(WORD_GROUP) | BIT(WORD_CALL) |
		BIT(WORD_INDEX) | BIT(WORD_OPERATOR),
};

static const unsigned behind[] = {
	[WORD_GROUP] = BEGIN,
	[WORD_INDEX] = VALUE,
	[WORD_CALL] = BIT(WORD_FUNCTION),
	[WORD_GROUP_END] = OPERAND,
	[WORD_INDEX_END] = OPERAND,
	[WORD_CALL_END] = OPERAND | BIT(WORD_CALL),
	[WORD_COMMA] = OPERAND,
	[WORD_DOT] = VALUE,
	[WORD_STAR] = BIT(WORD_INDEX) | BIT(WORD_DOT),
	[WORD_OPERATOR] = OPERAND,
	[WORD_LITERAL] = BEGIN,
	[WORD_PROPERTY] = BIT(WORD_DOT),
	[WORD_FUNCTION] = BEGIN,
	[WORD_CONTEXT] = BEGIN,
	[WORD_END] = OPERAND | BIT(WORD_NONE),
};

/* The bracket that a closing one, or a comma, must be in. */
static const unsigned char within[WORD_END + 1] = {
	[WORD_GROUP_END] = WORD_GROUP,
	[WORD_INDEX_END] = WORD_INDEX,
	[WORD_CALL_END] = WORD_CALL,
	[WORD_COMMA] = WORD_CALL,
};

static const struct expr_operator operators[] = {
	{ "!=", 10, 2, NODE_UNEQUAL }, { "!", 16, 1, NODE_NOT },
	{ "==", 10, 2, NODE_EQUAL },   { ">=", 11, 2, NODE_GREATER_EQUAL },
	{ ">", 11, 2, NODE_GREATER },  { "<=", 11, 2, NODE_LESS_EQUAL },
	{ "<", 11, 2, NODE_LESS },     { "&&", 6, 2, NODE_AND },
	{ "||", 5, 2, NODE_OR },
};

/* What people write out of habit, and what they should. */
static const struct {
	char c;
	const char *text;
} habits[] = {
	{ '"', "; strings are in single quotes" },
	{ '=', "; did you mean \"==\"?" },
	{ '&', "; did you mean \"&&\"?" },
	{ '|', "; did you mean \"||\"?" },
	{ '$', "; an expression in an expression needs no ${{ }}" },
};

int expr_lexer_begin(struct expr_lexer *l, size_t from, size_t to, struct err *e)
{
	l->at = from;
	l->end = to;
	l->last = WORD_NONE;
	l->depth = 0;
	size_t brackets = 0;
	for (size_t i = from; i < to; i++)
		brackets += l->text[i] == '(' || l->text[i] == '[';
	l->open = arena_array(l->x->a, brackets + 1, sizeof *l->open, e);
	return l->open ? 0 : -1;
}

static bool is_boundary(const struct expr_lexer *l, size_t at)
{
	char c = l->text[at];
	return (c && strchr("([)],.!><=&|", c)) || fold_space(l->text + at, l->end - at) > 0;
}

/* Where the word that begins at `at` ends: at least one byte further on. */
static size_t word_end(const struct expr_lexer *l, size_t at, bool points)
{
	do
		at++;
	while (at < l->end && (!is_boundary(l, at) || (points && l->text[at] == '.')));
	return at;
}

static int unexpected(struct expr_lexer *l, size_t at, size_t end, struct err *e)
{
	const char *hint = "";
	enum { SHOWN = 40 };
	for (size_t i = 0; i < sizeof habits / sizeof *habits; i++)
		if (l->text[at] == habits[i].c)
			hint = habits[i].text;
	l->x->fault = at;
	int n = end - at > SHOWN ? SHOWN : (int)(end - at);
	autobuf shown = BUF(8 * SHOWN);
	struct err ignored = { 0 };
	if (str_json(&shown, l->text + at, (size_t)n, &ignored) < 0)
		return err_set(e, EINVAL, "unexpected text%s", hint);
	return err_set(e, EINVAL, "unexpected %s%s", buf_cstr(&shown), hint);
}

/* The token t ends at `end`; is it legal there? */
static int take(struct expr_lexer *l, struct expr_token *t, size_t end, struct err *e)
{
	bool prefix = t->op && t->op->operands == 1;
	unsigned may = prefix ? BEGIN : behind[t->word];
	unsigned char in = within[t->word];
	bool inside = !in || (l->depth > 0 && l->open[l->depth - 1].word == in);
	if (!(may & BIT(l->last)) || !inside)
		return unexpected(l, t->at, end, e);
	if (t->word <= WORD_CALL) {
		l->open[l->depth].word = (unsigned char)t->word;
		l->open[l->depth++].at = t->at;
	}
	l->depth -= t->word >= WORD_GROUP_END && t->word <= WORD_CALL_END;
	t->n = end - t->at;
	l->last = t->word;
	l->at = end;
	return 0;
}

static int punctuation(struct expr_lexer *l, struct expr_token *t, struct err *e)
{
	static const char marks[] = "([)],.*";
	static const unsigned char words[] = { WORD_GROUP,     WORD_INDEX, WORD_GROUP_END,
					       WORD_INDEX_END, WORD_COMMA, WORD_DOT,
					       WORD_STAR };
	t->word = words[strchr(marks, l->text[l->at]) - marks];
	if (t->word == WORD_GROUP && l->last == WORD_FUNCTION)
		t->word = WORD_CALL;
	if (t->word == WORD_GROUP_END && l->depth && l->open[l->depth - 1].word == WORD_CALL)
		t->word = WORD_CALL_END;
	t->empty = t->word == WORD_CALL_END && l->last == WORD_CALL;
	return take(l, t, l->at + 1, e);
}

static int operator(struct expr_lexer *l, struct expr_token *t, struct err *e)
{
	t->word = WORD_OPERATOR;
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
		size_t n = strlen(operators[i].text);
		if (l->end - l->at < n || memcmp(l->text + l->at, operators[i].text, n) != 0)
			continue;
		t->op = &operators[i];
		return take(l, t, l->at + n, e);
	}
	return unexpected(l, l->at, word_end(l, l->at, false), e);
}

static int number(struct expr_lexer *l, struct expr_token *t, struct err *e)
{
	size_t end = word_end(l, l->at, true);
	double d = expr_number_parse(l->text + l->at, end - l->at);
	if (isnan(d))
		return unexpected(l, l->at, end, e);
	t->word = WORD_LITERAL;
	t->value = expr_number(d, l->x->a, e);
	return t->value ? take(l, t, end, e) : -1;
}

static int string(struct expr_lexer *l, struct expr_token *t, struct err *e)
{
	size_t at = l->at + 1, n = 0;
	while (at < l->end && (l->text[at] != '\'' || (at + 1 < l->end && l->text[at + 1] == '\'')))
		at += l->text[at] == '\'' ? 2 : 1;
	if (at >= l->end) {
		l->x->fault = l->at;
		return err_set(e, EINVAL, "the string that begins here is not closed");
	}
	char *p = arena_alloc(l->x->a, at - l->at, e);
	struct expr_value *v = p ? arena_new(l->x->a, struct expr_value, e) : NULL;
	if (!v)
		return -1;
	for (size_t i = l->at + 1; i < at; i += l->text[i] == '\'' ? 2 : 1)
		p[n++] = l->text[i];
	*v = (struct expr_value){ .kind = EXPR_STRING, .text = p, .n = n };
	t->word = WORD_LITERAL;
	t->value = v;
	return take(l, t, at + 1, e);
}

static bool is_name(const char *s, size_t n)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	for (size_t i = 1; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_' && s[i] != '-')
			return false;
	return true;
}

static const struct expr_value *keyword(const char *s, size_t n)
{
	static const struct expr_value nan = { .kind = EXPR_NUMBER, .number = (double)NAN };
	static const struct expr_value infinity = { .kind = EXPR_NUMBER, .number = HUGE_VAL };
	static const struct {
		const char *name;
		const struct expr_value *value;
	} keywords[] = { { "null", &expr_null },
			 { "true", &expr_true },
			 { "false", &expr_false },
			 { "NaN", &nan },
			 { "Infinity", &infinity } };
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
		if (strlen(keywords[i].name) == n && memcmp(keywords[i].name, s, n) == 0)
			return keywords[i].value;
	return NULL;
}

static bool call_follows(const struct expr_lexer *l, size_t at)
{
	size_t space;
	while (at < l->end && (space = fold_space(l->text + at, l->end - at)) > 0)
		at += space;
	return at < l->end && l->text[at] == '(';
}

static int name(struct expr_lexer *l, struct expr_token *t, struct err *e)
{
	const char *s = l->text + l->at;
	size_t end = word_end(l, l->at, false), n = end - l->at;
	if (!is_name(s, n))
		return unexpected(l, l->at, end, e);
	if (l->last == WORD_DOT) {
		t->word = WORD_PROPERTY;
		t->value = expr_string(s, n, l->x->a, e);
		return t->value ? take(l, t, end, e) : -1;
	}
	t->value = keyword(s, n);
	if (t->value)
		t->word = WORD_LITERAL;
	else
		t->word = call_follows(l, end) ? WORD_FUNCTION : WORD_CONTEXT;
	return take(l, t, end, e);
}

static int end(struct expr_lexer *l, struct expr_token *t, struct err *e)
{
	t->word = WORD_END;
	if (l->depth) {
		l->x->fault = l->open[l->depth - 1].at;
		return err_set(e, EINVAL, "\"%c\" is not closed", l->text[l->x->fault]);
	}
	if (behind[WORD_END] & BIT(l->last))
		return 0;
	l->x->fault = l->end;
	return err_set(e, EINVAL, "the expression ends too early");
}

/* What a word is read by, from its first character. A '.' begins a number where a value may begin. */
static int read_word(struct expr_lexer *l, struct expr_token *t, struct err *e)
{
	char c = l->text[l->at];
	if (c == '\'')
		return string(l, t, e);
	if (isdigit((unsigned char)c) || (c == '.' && BEGIN & BIT(l->last)))
		return number(l, t, e);
	if (c == '\0')
		return name(l, t, e);
	if (strchr("+-", c))
		return number(l, t, e);
	if (strchr("!><=&|", c))
		return operator(l, t, e);
	return strchr("([)],.*", c) ? punctuation(l, t, e) : name(l, t, e);
}

int expr_lexer_next(struct expr_lexer *l, struct expr_token *ret, struct err *e)
{
	size_t space;
	while (l->at < l->end && (space = fold_space(l->text + l->at, l->end - l->at)) > 0)
		l->at += space;
	*ret = (struct expr_token){ .at = l->at };
	return l->at == l->end ? end(l, ret, e) : read_word(l, ret, e);
}
