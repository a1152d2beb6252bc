#include "base/layout.h"

#include "base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What one kind of field does; p is where it stands in the struct. */
struct kind {
	void (*put)(struct msg *m, const struct layout_field *f, const void *p);
	void (*get)(struct msg *m, const struct layout_field *f, void *p);
};

static void put_u32(struct msg *m, const struct layout_field *f, const void *p)
{
	(void)f;
	msg_put_u32(m, *(const uint32_t *)p);
}

static void get_u32(struct msg *m, const struct layout_field *f, void *p)
{
	(void)f;
	*(uint32_t *)p = msg_get_u32(m);
}

static void put_u64(struct msg *m, const struct layout_field *f, const void *p)
{
	(void)f;
	msg_put_u64(m, *(const uint64_t *)p);
}

static void get_u64(struct msg *m, const struct layout_field *f, void *p)
{
	(void)f;
	*(uint64_t *)p = msg_get_u64(m);
}

static void put_double(struct msg *m, const struct layout_field *f, const void *p)
{
	(void)f;
	msg_put_bytes(m, p, sizeof(double));
}

static void get_double(struct msg *m, const struct layout_field *f, void *p)
{
	size_t n;
	const void *from = msg_get_bytes(m, &n);
	(void)f;
	if (n == sizeof(double))
		memcpy(p, from, n);
	else
		m->bad = true;
}

static void put_str(struct msg *m, const struct layout_field *f, const void *p)
{
	const char *s = *(const char *const *)p;
	(void)f;
	msg_put_str(m, s ? s : "");
}

static void get_str(struct msg *m, const struct layout_field *f, void *p)
{
	(void)f;
	*(const char **)p = msg_get_str(m);
}

static void put_fd(struct msg *m, const struct layout_field *f, const void *p)
{
	int fd = *(const int *)p;
	(void)f;
	msg_put_u32(m, fd >= 0);
	if (fd >= 0)
		msg_put_fd(m, fd);
}

static void get_fd(struct msg *m, const struct layout_field *f, void *p)
{
	(void)f;
	*(int *)p = msg_get_u32(m) ? msg_get_fd(m) : -1;
}

static void put_u64s(struct msg *m, const struct layout_field *f, const void *p)
{
	for (unsigned i = 0; i < f->count; i++)
		msg_put_u64(m, ((const uint64_t *)p)[i]);
}

static void get_u64s(struct msg *m, const struct layout_field *f, void *p)
{
	for (unsigned i = 0; i < f->count; i++)
		((uint64_t *)p)[i] = msg_get_u64(m);
}

static void put_bool(struct msg *m, const struct layout_field *f, const void *p)
{
	(void)f;
	msg_put_u32(m, *(const bool *)p);
}

static void get_bool(struct msg *m, const struct layout_field *f, void *p)
{
	(void)f;
	*(bool *)p = msg_get_u32(m) != 0;
}

static void put_text(struct msg *m, const struct layout_field *f, const void *p)
{
	(void)f;
	msg_put_str(m, p);
}

static void get_text(struct msg *m, const struct layout_field *f, void *p)
{
	snprintf(p, f->count, "%s", msg_get_str(m));
}

static const struct kind kinds[] = {
	[LAYOUT_U32] = { put_u32, get_u32 },
	[LAYOUT_U64] = { put_u64, get_u64 },
	[LAYOUT_DOUBLE] = { put_double, get_double },
	[LAYOUT_STR] = { put_str, get_str },
	[LAYOUT_FD] = { put_fd, get_fd },
	[LAYOUT_U64S] = { put_u64s, get_u64s },
	[LAYOUT_BOOL] = { put_bool, get_bool },
	[LAYOUT_TEXT] = { put_text, get_text },
};

static const struct layout *layout_of(const struct layout_table *t, uint32_t type)
{
	return type < t->n && t->rows[type].n ? &t->rows[type] : NULL;
}

void layout_put(const struct layout *l, struct msg *m, const void *from)
{
	for (unsigned i = 0; i < l->n; i++)
		kinds[l->f[i].kind].put(m, &l->f[i], (const char *)from + l->f[i].at);
}

void layout_get(const struct layout *l, struct msg *m, void *ret)
{
	memset(ret, 0, l->size);
	for (unsigned i = 0; i < l->n; i++)
		kinds[l->f[i].kind].get(m, &l->f[i], (char *)ret + l->f[i].at);
}

int layout_end(const struct layout *l, struct msg *m, void *ret, struct err *e)
{
	if (msg_end(m, e) == 0)
		return 0;
	for (unsigned i = 0; i < l->n; i++)
		if (l->f[i].kind == LAYOUT_FD)
			fd_close((int *)(void *)((char *)ret + l->f[i].at));
	return -1;
}

int layout_send(const struct layout_table *t, int sock, uint32_t type, const void *from,
		struct err *e)
{
	const struct layout *l = layout_of(t, type);
	if (!l)
		return err_set(e, EINVAL, "%s message %u: unknown", t->name, type);
	automsg m;
	msg_init(&m, type);
	layout_put(l, &m, from);
	return msg_send(sock, &m, e);
}

int layout_take(const struct layout_table *t, struct msg *m, void *ret, struct err *e)
{
	const struct layout *l = layout_of(t, m->type);
	if (!l)
		return err_set(e, EPROTO, "%s message %u: unknown", t->name, m->type);
	layout_get(l, m, ret);
	return layout_end(l, m, ret, e);
}
