#include "runner/registration_edit.h"

#include "base/str.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* --- lines -------------------------------------------------------------------------------------- */

/* The offset of the line's first byte, lines from 1; n when there are fewer. */
static size_t line_at(const struct registration_text *t, unsigned line)
{
	size_t at = 0;
	for (; line > 1 && at < t->n; line--) {
		const char *end = memchr(t->text + at, '\n', t->n - at);
		at = end ? (size_t)(end - t->text) + 1 : t->n;
	}
	return at;
}

/* The offset of a column, which counts characters. */
static size_t column_at(const struct registration_text *t, unsigned line, unsigned col)
{
	size_t at = line_at(t, line);
	for (; col > 1 && at < t->n && t->text[at] != '\n'; col--) {
		size_t n = utf8_len(t->text + at, t->n - at);
		at += n ? n : 1;
	}
	return at;
}

/* text[from..to) into out. */
static int copy(const struct registration_text *t, size_t from, size_t to, struct buf *out,
		struct err *e)
{
	return from < to ? buf_add(out, t->text + from, to - from, e) : 0;
}

/* text[0..to), ended by a newline if there is anything. */
static int copy_lines(const struct registration_text *t, size_t to, struct buf *out, struct err *e)
{
	if (copy(t, 0, to, out, e) < 0)
		return -1;
	return to && t->text[to - 1] != '\n' ? buf_char(out, '\n', e) : 0;
}

static int spaces(struct buf *out, unsigned n, struct err *e)
{
	while (n--)
		if (buf_char(out, ' ', e) < 0)
			return -1;
	return 0;
}

/* --- an item ------------------------------------------------------------------------------------ */

/* One "key: value" line; the first begins with the item's '-'. */
struct writer {
	struct buf *out;
	unsigned indent; /* spaces before the '-' */
	bool begun;
	struct err *e;
};

static int key_put(struct writer *w, const char *key)
{
	if (spaces(w->out, w->indent, w->e) < 0 ||
	    buf_printf(w->out, w->e, "%s%s: ", w->begun ? "  " : "- ", key) < 0)
		return -1;
	w->begun = true;
	return 0;
}

static int text_put(struct writer *w, const char *key, const char *value)
{
	if (!value || !*value)
		return 0;
	if (key_put(w, key) < 0 || str_json(w->out, value, strlen(value), w->e) < 0)
		return -1;
	return buf_char(w->out, '\n', w->e);
}

static int number_put(struct writer *w, const char *key, uint64_t value)
{
	if (!value)
		return 0;
	return key_put(w, key) < 0 ? -1
				   : buf_printf(w->out, w->e, "%llu\n", (unsigned long long)value);
}

static int time_put(struct writer *w, const char *key, uint64_t value)
{
	char text[40];
	time_t t = (time_t)value;
	struct tm tm;
	if (!value)
		return 0;
	if (!gmtime_r(&t, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return err_set(w->e, ERANGE, "%s: a time out of range", key);
	return key_put(w, key) < 0 ? -1 : buf_printf(w->out, w->e, "%s\n", text);
}

/* A list of lines, in flow style. */
static int labels_put(struct writer *w, const char *lines)
{
	bool first = true;
	if (!lines || !*lines)
		return 0;
	if (key_put(w, "labels") < 0)
		return -1;
	for (; *lines; lines += *lines == '\n') {
		size_t n = strcspn(lines, "\n");
		if (n && (buf_str(w->out, first ? "[" : ", ", w->e) < 0 ||
			  str_json(w->out, lines, n, w->e) < 0))
			return -1;
		first = first && !n;
		lines += n;
	}
	return buf_str(w->out, first ? "[]\n" : "]\n", w->e);
}

/* What belongs to one kind of forge. */
static int forge_put(struct writer *w, const struct registration *r)
{
	if (text_put(w, "forge", r->forge) < 0 || labels_put(w, r->labels) < 0)
		return -1;
	if (!r->ephemeral)
		return 0;
	return key_put(w, "ephemeral") < 0 ? -1 : buf_str(w->out, "true\n", w->e);
}

static int token_put(struct writer *w, const struct registration *r)
{
	if (number_put(w, "id", r->id) < 0 || text_put(w, "token", r->token) < 0 ||
	    time_put(w, "token_obtained_at", r->token_obtained_at) < 0)
		return -1;
	return time_put(w, "token_expires_at", r->token_expires_at);
}

static int item_put(struct buf *out, unsigned indent, const struct registration *r, struct err *e)
{
	struct writer w = { .out = out, .indent = indent, .e = e };
	if (text_put(&w, "name", r->name) < 0 || text_put(&w, "url", r->url) < 0 ||
	    forge_put(&w, r) < 0 || token_put(&w, r) < 0)
		return -1;
	if (text_put(&w, "tls_ca_file", r->tls_ca_file) < 0 ||
	    text_put(&w, "tls_cert_file", r->tls_cert_file) < 0 ||
	    text_put(&w, "tls_key_file", r->tls_key_file) < 0 ||
	    text_put(&w, "proxy", r->proxy) < 0 || text_put(&w, "no_proxy", r->no_proxy) < 0)
		return -1;
	return 0;
}

/* --- add ---------------------------------------------------------------------------------------- */

static const struct yaml_pair *runners_pair(const struct yaml_node *root)
{
	for (size_t i = 0; root->kind == YAML_MAP && i < root->count; i++)
		if (strcmp(root->pairs[i].key->text, "runners") == 0)
			return &root->pairs[i];
	return NULL;
}

static int flow_error(unsigned line, struct err *e)
{
	return err_set(e, EINVAL,
		       "line %u: runners is not a list with an item a line: write it so, or edit "
		       "it by hand",
		       line);
}

/* Behind the last item, as deep as it is. */
static int add_behind(const struct registration_text *t, const struct yaml_node *list,
		      const struct registration *r, struct buf *out, struct err *e)
{
	size_t at = line_at(t, list->last_line + 1);
	if (copy_lines(t, at, out, e) < 0 || item_put(out, list->indent - 1, r, e) < 0)
		return -1;
	return copy(t, at, t->n, out, e);
}

/* "runners:" or "runners: []": the item goes below it. */
static int add_below(const struct registration_text *t, const struct yaml_pair *pair,
		     const struct registration *r, struct buf *out, struct err *e)
{
	unsigned line = pair->key->line;
	size_t at = column_at(t, line, pair->key->end_col) + 1, next = line_at(t, line + 1);
	size_t rest = at;
	if (pair->value->kind == YAML_LIST) {
		if (pair->value->line != line || pair->value->last_line != line)
			return flow_error(line, e);
		const char *close = memchr(t->text + at, ']', next - at);
		rest = close ? (size_t)(close - t->text) + 1 : at;
	}
	if (copy(t, 0, at, out, e) < 0 || copy(t, rest, next, out, e) < 0)
		return -1;
	if (out->len && out->p[out->len - 1] != '\n' && buf_char(out, '\n', e) < 0)
		return -1;
	if (item_put(out, pair->key->col + 1, r, e) < 0)
		return -1;
	return copy(t, next, t->n, out, e);
}

int registration_edit_add(const struct registration_text *t, const struct registration *r,
			  struct buf *out, struct err *e)
{
	const struct yaml_pair *pair = runners_pair(t->root);
	if (t->root->kind != YAML_NULL && (t->root->kind != YAML_MAP || t->root->indent != 1))
		return err_set(e, EINVAL, "the file is not a mapping with a key a line");
	if (!pair) {
		if (copy_lines(t, t->n, out, e) < 0 || buf_str(out, "runners:\n", e) < 0)
			return -1;
		return item_put(out, 2, r, e);
	}
	const struct yaml_node *list = pair->value;
	if (list->kind == YAML_NULL || (list->kind == YAML_LIST && !list->count))
		return add_below(t, pair, r, out, e);
	if (list->kind != YAML_LIST || !list->indent)
		return flow_error(pair->key->line, e);
	return add_behind(t, list, r, out, e);
}

/* --- remove and set ----------------------------------------------------------------------------- */

/* The item i and its list, where the item stands where the list does. NULL with e set: an alias, or in flow style. */
static const struct yaml_node *item_at(const struct registration_text *t, size_t i,
				       const struct yaml_node **ret_list, struct err *e)
{
	const struct yaml_pair *pair = runners_pair(t->root);
	const struct yaml_node *list = pair ? pair->value : NULL;
	if (!list || list->kind != YAML_LIST || i >= list->count) {
		err_set(e, ENOENT, "there is no such runner");
		return NULL;
	}
	const struct yaml_node *item = list->items[i];
	unsigned least = i ? list->items[i - 1]->last_line + 1 : list->line;
	if (!list->indent || item->line < least || item->last_line > list->last_line) {
		flow_error(pair->key->line, e);
		return NULL;
	}
	*ret_list = list;
	return item;
}

/* The line of the '-' that the item hangs on. */
static unsigned dash_line(const struct registration_text *t, const struct yaml_node *item,
			  unsigned first, unsigned col)
{
	for (unsigned line = item->line; line > first; line--) {
		size_t at = column_at(t, line, col);
		if (at < t->n && t->text[at] == '-')
			return line;
	}
	return first;
}

int registration_edit_remove(const struct registration_text *t, size_t i, struct buf *out,
			     struct err *e)
{
	const struct yaml_node *list = NULL, *item = item_at(t, i, &list, e);
	if (!item || !list)
		return -1;
	unsigned first = i ? list->items[i - 1]->last_line + 1 : list->line;
	size_t from = line_at(t, dash_line(t, item, first, list->indent));
	size_t to = line_at(t, item->last_line + 1);
	if (copy(t, 0, from, out, e) < 0)
		return -1;
	return copy(t, to, t->n, out, e);
}

/* A value on the key's own line, or "key:" with nothing behind it. */
static int set_there(const struct registration_text *t, const struct yaml_pair *pair,
		     const char *value, struct buf *out, struct err *e)
{
	const struct yaml_node *v = pair->value, *key = pair->key;
	size_t behind = column_at(t, key->line, key->end_col) + 1;
	const char *lead = "";
	size_t range[2] = { behind, behind };
	if (v->plain && !*v->text)
		lead = " ";
	else if (v->kind >= YAML_LIST || v->line != key->line || v->last_line != key->line)
		return err_set(e, EINVAL, "line %u: %s is not on one line", key->line, key->text);
	if (!*lead) {
		range[0] = column_at(t, v->line, v->col);
		range[1] = column_at(t, v->line, v->end_col);
	}
	if (copy(t, 0, range[0], out, e) < 0 || buf_printf(out, e, "%s%s", lead, value) < 0)
		return -1;
	return copy(t, range[1], t->n, out, e);
}

int registration_edit_set(const struct registration_text *t, const struct registration_change *c,
			  struct buf *out, struct err *e)
{
	const struct yaml_node *list, *item = item_at(t, c->item, &list, e);
	if (!item)
		return -1;
	if (item->kind != YAML_MAP || !item->indent)
		return flow_error(item->line, e);
	for (size_t i = 0; i < item->count; i++) {
		const struct yaml_node *key = item->pairs[i].key;
		if (strcmp(key->text, c->key) != 0)
			continue;
		if (key->line < item->line || key->line > item->last_line)
			break; /* merged from elsewhere: a key of its own outweighs it */
		return set_there(t, &item->pairs[i], c->value, out, e);
	}
	size_t at = line_at(t, item->last_line + 1);
	if (copy_lines(t, at, out, e) < 0 || spaces(out, item->indent - 1, e) < 0 ||
	    buf_printf(out, e, "%s: %s\n", c->key, c->value) < 0)
		return -1;
	return copy(t, at, t->n, out, e);
}
