#include "executor/vars.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

/* A masked value that was overridden: the job no longer sees it, the log must not show it either.
 */
struct shadow {
	struct shadow *next;
	const char *value;
	size_t n;
};

/* list: in order of first definition. slots: a hash table of indexes into list plus one, 0 free;
 * always at least twice as many slots as list has room for. */
struct vars {
	struct arena *arena;
	struct var *list;
	size_t count, room;
	uint32_t *slots;
	struct shadow *shadows;
};

struct vars *vars_new(struct arena *a, struct err *e)
{
	struct vars *v = arena_new(a, struct vars, e);
	if (v)
		v->arena = a;
	return v;
}

static size_t key_hash(const char *key, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)key[i]) * 0x100000001b3u;
	return (size_t)(h ^ h >> 29);
}

/* The slot of the key, or the free one where it belongs. There is always a free one. */
static uint32_t *slot_of(const struct vars *v, const char *key, size_t n)
{
	size_t mask = v->room * 2 - 1;
	for (size_t i = key_hash(key, n) & mask;; i = (i + 1) & mask) {
		if (v->slots[i] == 0)
			return &v->slots[i];
		const char *have = v->list[v->slots[i] - 1].key;
		if (strlen(have) == n && memcmp(have, key, n) == 0)
			return &v->slots[i];
	}
}

static struct var *find(const struct vars *v, const char *key, size_t n)
{
	uint32_t at = v->room ? *slot_of(v, key, n) : 0;
	return at ? &v->list[at - 1] : NULL;
}

static int grow(struct vars *v, struct err *e)
{
	size_t room = v->room ? v->room * 2 : FIRST_ROOM;
	struct var *list = arena_array(v->arena, room, sizeof *list, e);
	uint32_t *slots = arena_array(v->arena, room * 2, sizeof *slots, e);
	if (!list || !slots)
		return -1;
	if (v->list)
		memcpy(list, v->list, v->count * sizeof *list);
	v->list = list;
	v->slots = slots;
	v->room = room;
	for (size_t i = 0; i < v->count; i++)
		*slot_of(v, list[i].key, strlen(list[i].key)) = (uint32_t)i + 1;
	return 0;
}

static int key_check(const struct var *var, struct err *e)
{
	const char *key = var->key;
	if (key[0] == '\0')
		return err_set(e, EINVAL, "a variable without a name");
	if (strchr(key, '='))
		return err_set(e, EINVAL, "variable \"%.64s\": a name cannot hold \"=\"", key);
	if (var->flags & VAR_FILE)
		return key[0] != '.' && !strchr(key, '/') && strlen(key) <= NAME_MAX
			       ? 0
			       : err_set(e, EINVAL, "variable \"%.64s\": not a name for a file",
					 key);
	if (memchr(var->value, '\0', var->n))
		return err_set(e, EINVAL,
			       "variable \"%.64s\": its value holds a NUL byte, which only a file "
			       "can carry",
			       key);
	return 0;
}

static int shadow_add(struct vars *v, const struct var *var, struct err *e)
{
	if (!(var->flags & VAR_MASKED))
		return 0;
	struct shadow *s = arena_new(v->arena, struct shadow, e);
	if (!s)
		return -1;
	*s = (struct shadow){ .next = v->shadows, .value = var->value, .n = var->n };
	v->shadows = s;
	return 0;
}

/* var's key and value are borrowed here. */
static int define(struct vars *v, struct var var, struct err *e)
{
	if (key_check(&var, e) < 0)
		return -1;
	var.value = arena_strndup(v->arena, var.value, var.n, e);
	if (!var.value)
		return -1;
	struct var *have = find(v, var.key, strlen(var.key));
	if (have && have->flags & VAR_FINAL)
		return shadow_add(v, &var, e);
	if (have) {
		if (shadow_add(v, have, e) < 0)
			return -1;
		var.key = have->key;
		*have = var;
		return 0;
	}
	if ((!v->list || v->count == v->room) && grow(v, e) < 0)
		return -1;
	var.key = arena_strdup(v->arena, var.key, e);
	if (!var.key)
		return -1;
	v->list[v->count++] = var;
	*slot_of(v, var.key, strlen(var.key)) = (uint32_t)v->count;
	return 0;
}

int vars_set(struct vars *v, const char *key, const char *value, unsigned flags, struct err *e)
{
	struct var var = { .key = key, .value = value, .n = strlen(value), .flags = flags };
	return define(v, var, e);
}

int vars_set_secret(struct vars *v, const char *key, const struct secret *value, unsigned flags,
		    struct err *e)
{
	struct var var = {
		.key = key, .value = secret_expose(value), .n = value->n, .flags = flags
	};
	return define(v, var, e);
}

int vars_add(struct vars *v, const struct job_var *var, struct err *e)
{
	unsigned flags = 0;
	flags |= var->public ? VAR_PUBLIC : 0;
	flags |= var->masked ? VAR_MASKED : 0;
	flags |= var->raw ? VAR_RAW : 0;
	flags |= var->file ? VAR_FILE : 0;
	return vars_set(v, var->key, var->value, flags, e);
}

/* Where file variables lie, as defined: the runner sets it. */
static const char *files_dir(const struct vars *v)
{
	const struct var *dir = vars_find(v, "RUNNER_TEMP_PROJECT_DIR");
	return dir ? dir->value : "";
}

int vars_mask(struct vars *v, const void *p, size_t n, struct err *e)
{
	struct var var = { .value = arena_strndup(v->arena, p, n, e), .n = n, .flags = VAR_MASKED };
	return var.value ? shadow_add(v, &var, e) : -1;
}

/* What is being expanded: with the values as defined, or with what the job sees. */
struct expansion {
	const struct vars *vars;
	struct buf *out;
	bool resolved;
};

static int put_reference(const struct expansion *x, const char *name, size_t n, struct err *e)
{
	if (n == 1 && name[0] == '$')
		return buf_char(x->out, '$', e);
	const struct var *var = find(x->vars, name, n);
	if (!var)
		return 0;
	if (var->flags & VAR_FILE)
		return buf_printf(x->out, e, "%s/%s", files_dir(x->vars), var->key);
	return buf_str(x->out, x->resolved && var->env ? var->env : var->value, e);
}

static bool is_special(char c)
{
	return c != '\0' && strchr("*#$@!?-0123456789", c) != NULL;
}

static size_t name_length(const char *s)
{
	static const char letters[] = "_0123456789"
				      "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	return strspn(s, letters);
}

/* A reference as it stands behind its $: name[0..n), which is empty in bad syntax; width bytes in
 * all, 0 when the $ is no reference. */
struct reference {
	const char *name;
	size_t n, width;
};

static struct reference reference_at(const char *s)
{
	if (s[0] != '{') {
		size_t n = is_special(s[0]) ? 1 : name_length(s);
		return (struct reference){ s, n, n };
	}
	const char *end = strchr(s, '}');
	if (!end)
		return (struct reference){ s, 0, 1 };
	size_t n = (size_t)(end - s) - 1;
	return (struct reference){ s + 1, n, n + 2 };
}

static int expand_into(const struct expansion *x, const char *text, struct err *e)
{
	for (const char *at = text;;) {
		const char *dollar = strchrnul(at, '$');
		if (buf_add(x->out, at, (size_t)(dollar - at), e) < 0)
			return -1;
		if (*dollar == '\0')
			return 0;
		struct reference r = reference_at(dollar + 1);
		int put = 0;
		if (r.width == 0)
			put = buf_char(x->out, '$', e);
		else if (r.n)
			put = put_reference(x, r.name, r.n, e);
		if (put < 0)
			return -1;
		at = dollar + 1 + r.width;
	}
}

static const char *expand(const struct vars *v, struct arena *a, const char *text, bool resolved,
			  struct err *e)
{
	__attribute__((cleanup(buf_wipe))) struct buf out = BUF(VARS_EXPANDED_MAX);
	struct expansion x = { .vars = v, .out = &out, .resolved = resolved };
	if (!strchr(text, '$'))
		return arena_strdup(a, text, e);
	if (expand_into(&x, text, e) < 0)
		return NULL;
	return arena_strndup(a, buf_cstr(&out), out.len, e);
}

const char *vars_expand(const struct vars *v, struct arena *a, const char *text, struct err *e)
{
	return expand(v, a, text, true, e);
}

static int resolve(struct vars *v, struct var *var, struct err *e)
{
	var->content = var->value;
	var->content_n = var->n;
	bool text = strlen(var->value) == var->n; /* what holds a NUL is not expanded */
	if (text && !(var->flags & VAR_RAW) && strchr(var->value, '$')) {
		var->content = expand(v, v->arena, var->value, false, e);
		if (!var->content)
			return -1;
		var->content_n = strlen(var->content);
	}
	var->env = var->content;
	if (var->flags & VAR_FILE)
		var->env = arena_printf(v->arena, e, "%s/%s", files_dir(v), var->key);
	return var->env ? 0 : -1;
}

int vars_resolve(struct vars *v, struct err *e)
{
	for (size_t i = 0; i < v->count; i++)
		if (resolve(v, &v->list[i], e) < 0)
			return err_wrap(e, "variable \"%.64s\"", v->list[i].key);
	return 0;
}

const struct var *vars_find(const struct vars *v, const char *key)
{
	return find(v, key, strlen(key));
}

const char *vars_get(const struct vars *v, const char *key)
{
	const struct var *var = vars_find(v, key);
	if (!var)
		return "";
	return var->env ? var->env : var->value;
}

size_t vars_count(const struct vars *v)
{
	return v->count;
}

const struct var *vars_at(const struct vars *v, size_t i)
{
	return &v->list[i];
}

int vars_masked(const struct vars *v, int (*add)(void *arg, const char *p, size_t n, struct err *e),
		void *arg, struct err *e)
{
	for (const struct shadow *s = v->shadows; s; s = s->next)
		if (s->n && add(arg, s->value, s->n, e) < 0)
			return -1;
	for (size_t i = 0; i < v->count; i++) {
		const struct var *var = &v->list[i];
		if (!(var->flags & VAR_MASKED))
			continue;
		if (var->n && add(arg, var->value, var->n, e) < 0)
			return -1;
		bool expanded = var->content && var->content != var->value;
		if (expanded && var->content_n && add(arg, var->content, var->content_n, e) < 0)
			return -1;
	}
	return 0;
}

/* The entries need total bytes; which variable is most of it? */
static int environ_too_big(const struct vars *v, size_t total, struct err *e)
{
	const struct var *largest = &v->list[0];
	size_t most = 0;
	for (size_t i = 0; i < v->count; i++) {
		size_t n = strlen(v->list[i].env);
		if (n > most) {
			most = n;
			largest = &v->list[i];
		}
	}
	return err_set(
		e, E2BIG,
		"the variables need %zu bytes of environment, a process can be given %d; the "
		"largest is \"%.64s\" with %zu: make it a file variable",
		total, VARS_ENVIRON_MAX, largest->key, most);
}

int vars_environ(const struct vars *v, struct buf *out, struct err *e)
{
	size_t total = 0;
	for (size_t i = 0; i < v->count; i++) {
		const struct var *var = &v->list[i];
		size_t value = strlen(var->env), key = strlen(var->key);
		if (key + value + 2 > VARS_ENTRY_MAX)
			return err_set(
				e, E2BIG,
				"variable \"%.64s\": its value has %zu bytes, a process can be "
				"given %zu: make it a file variable",
				var->key, value, VARS_ENTRY_MAX - 2 - key);
		total += key + value + 2 + sizeof(char *);
	}
	if (total > VARS_ENVIRON_MAX)
		return environ_too_big(v, total, e);
	for (size_t i = 0; i < v->count; i++) {
		const struct var *var = &v->list[i];
		if (buf_printf(out, e, "%s=%s", var->key, var->env) < 0 ||
		    buf_char(out, '\0', e) < 0)
			return -1;
	}
	return 0;
}
