#include "sandbox/accounts.h"

#include "base/str.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { FIELDS = 7, NAME = 128, ID_MAX = INT32_MAX - 1 };

/* A line's fields: where each begins and how long it is. */
struct line {
	const char *at[FIELDS];
	size_t n[FIELDS];
	size_t count;
};

/* The line at s; what follows it is returned. */
static const char *take_line(const char *s, struct line *l)
{
	size_t rest = strcspn(s, "\n");
	const char *end = s + rest;
	l->count = 0;
	while (l->count < FIELDS) {
		const char *colon = memchr(s, ':', (size_t)(end - s));
		const char *stop = colon && l->count + 1 < FIELDS ? colon : end;
		l->at[l->count] = s;
		l->n[l->count++] = (size_t)(stop - s);
		if (stop == end)
			break;
		s = stop + 1;
	}
	return end + (*end == '\n');
}

static bool field_is(const struct line *l, size_t i, const char *text)
{
	return i < l->count && l->n[i] == strlen(text) && memcmp(l->at[i], text, l->n[i]) == 0;
}

static bool number(const char *s, size_t n, uint32_t *ret)
{
	char text[STR_NUM];
	uint64_t v;
	if (n == 0 || n >= sizeof text)
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	if (!str_u64(text, ID_MAX, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool field_number(const struct line *l, size_t i, uint32_t *ret)
{
	return i < l->count && number(l->at[i], l->n[i], ret);
}

static void take_home(const struct line *l, struct account *a)
{
	if (l->count > 5 && l->n[5] && l->n[5] < sizeof a->home && l->at[5][0] == '/' &&
	    str_is_printable(l->at[5], l->n[5]))
		snprintf(a->home, sizeof a->home, "%.*s", (int)l->n[5], l->at[5]);
}

/* The entry of a name or, if it is a number and no name, of that id. name: what it is called. */
static bool find_user(const char *passwd, const char *user, struct account *a, char name[NAME])
{
	uint32_t id = 0, uid, gid;
	bool numeric = number(user, strlen(user), &id);
	for (struct line l; *passwd;) {
		passwd = take_line(passwd, &l);
		if (!field_number(&l, 2, &uid) || !field_number(&l, 3, &gid))
			continue;
		if (!field_is(&l, 0, user) && !(numeric && uid == id))
			continue;
		a->uid = uid;
		a->gid = gid;
		take_home(&l, a);
		snprintf(name, NAME, "%.*s", (int)l.n[0], l.at[0]);
		return true;
	}
	a->uid = id;
	return numeric;
}

static bool find_group(const char *group, const char *name, uint32_t *ret)
{
	uint32_t gid;
	for (struct line l; *group;) {
		group = take_line(group, &l);
		if (field_is(&l, 0, name) && field_number(&l, 2, &gid)) {
			*ret = gid;
			return true;
		}
	}
	return number(name, strlen(name), ret);
}

static bool is_member(const struct line *l, const char *name)
{
	size_t n = strlen(name);
	if (l->count < 4 || n == 0)
		return false;
	for (const char *s = l->at[3], *end = s + l->n[3]; s < end;) {
		const char *comma = memchr(s, ',', (size_t)(end - s));
		const char *stop = comma ? comma : end;
		if ((size_t)(stop - s) == n && memcmp(s, name, n) == 0)
			return true;
		s = stop + 1;
	}
	return false;
}

static void add_groups(const char *group, const char *name, struct account *a)
{
	uint32_t gid;
	for (struct line l; *group && a->ngroups < ACCOUNT_GROUPS;) {
		group = take_line(group, &l);
		if (is_member(&l, name) && field_number(&l, 2, &gid) && gid != a->gid)
			a->groups[a->ngroups++] = gid;
	}
}

int account_find(const char *user, const char *passwd, const char *group, struct account *ret,
		 struct err *e)
{
	struct account a = { .home = "/" };
	char text[NAME], name[NAME] = "";
	snprintf(text, sizeof text, "%s", user[0] ? user : "0");
	char *colon = strchr(text, ':');
	if (colon)
		*colon++ = '\0';
	if (strlen(user) >= sizeof text)
		return err_set(e, EINVAL, "user: the name is too long");
	if (!find_user(passwd, text[0] ? text : "0", &a, name))
		return err_set(e, ENOENT, "user \"%s\" is not in the image's /etc/passwd", text);
	if (colon && colon[0] && !find_group(group, colon, &a.gid))
		return err_set(e, ENOENT, "group \"%s\" is not in the image's /etc/group", colon);
	if (!colon || !colon[0])
		add_groups(group, name, &a);
	*ret = a;
	return 0;
}
