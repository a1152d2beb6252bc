#include "runner/priv.h"

#include "base/fd.h"
#include "base/str.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, RUNNER_INSIDE = 65535, LAST_BLOCK_ID = 65536 };

/* A range of ids that has an owner: a line "name:first:count" of /etc/subuid, or a passwd entry. */
struct range {
	char owner[256];
	uint64_t first, count;
};

static bool parse_subid(const char *line, size_t n, struct range *ret)
{
	char copy[256], *first, *count;
	uint64_t a, b;
	if (n >= sizeof copy)
		return false;
	memcpy(copy, line, n);
	copy[n] = '\0';
	first = strchr(copy, ':');
	count = first ? strchr(first + 1, ':') : NULL;
	if (!count)
		return false;
	*first++ = '\0';
	*count++ = '\0';
	if (!str_u64(first, UINT32_MAX, &a) || !str_u64(count, UINT32_MAX, &b))
		return false;
	*ret = (struct range){ .first = a, .count = b };
	snprintf(ret->owner, sizeof ret->owner, "%s", copy);
	return true;
}

/* Call fn for each line of /etc/subuid or /etc/subgid until it returns true. */
static bool each_subid(const char *path, bool (*fn)(const struct range *r, void *arg), void *arg)
{
	struct err e = { 0 };
	autobuf b = BUF(FILE_MAX);
	if (fd_read_file(path, &b, &e) < 0)
		return false;
	for (const char *s = buf_cstr(&b); *s;) {
		size_t n = strcspn(s, "\n");
		struct range r;
		if (parse_subid(s, n, &r) && fn(&r, arg))
			return true;
		s += n + (s[n] == '\n');
	}
	return false;
}

/* --- root --------------------------------------------------------------------------------------- */

static bool overlaps(const struct range *r, void *arg)
{
	struct range *ours = arg;
	if (r->first + r->count <= ours->first || r->first >= ours->first + ours->count)
		return false;
	memcpy(ours->owner, r->owner, sizeof ours->owner);
	return true;
}

static bool passwd_overlaps(struct range *ours)
{
	bool hit = false;
	setpwent();
	for (struct passwd *pw; !hit && (pw = getpwent()) != NULL;) {
		struct range r = { .first = pw->pw_uid, .count = 1 };
		snprintf(r.owner, sizeof r.owner, "%s", pw->pw_name);
		hit = overlaps(&r, ours);
	}
	endpwent();
	return hit;
}

static int init_root(struct priv *p, unsigned nslots, struct err *e)
{
	struct range ours = { .first = p->base, .count = (uint64_t)(nslots + 1) * PRIV_BLOCK };
	if (nslots >= PRIV_SLOTS)
		ours.count += PRIV_BLOCK; /* the image store's */
	if (ours.first < PRIV_BLOCK || ours.first + ours.count > UINT32_MAX - 1)
		return err_set(e, EINVAL, "id_base %u: ids up to %llu do not fit", p->base,
			       (unsigned long long)(ours.first + ours.count));
	if (passwd_overlaps(&ours) || each_subid("/etc/subuid", overlaps, &ours) ||
	    each_subid("/etc/subgid", overlaps, &ours))
		return err_set(e, EEXIST,
			       "id_base %u: the ids from there to %llu overlap those of \"%s\"; "
			       "set id_base to a free range",
			       p->base, (unsigned long long)(ours.first + ours.count - 1),
			       ours.owner);
	p->map_by = SANDBOX_MAP_DIRECT;
	return 0;
}

/* --- an ordinary user --------------------------------------------------------------------------- */

struct search {
	const char *name, *number;
	struct range found;
};

static bool is_mine(const struct range *r, void *arg)
{
	struct search *s = arg;
	if (strcmp(r->owner, s->name) != 0 && strcmp(r->owner, s->number) != 0)
		return false;
	if (r->count < RUNNER_INSIDE)
		return false;
	s->found = *r;
	return true;
}

static bool have_helpers(void)
{
	return access("/usr/bin/newuidmap", X_OK) == 0 && access("/usr/bin/newgidmap", X_OK) == 0;
}

static void init_user(struct priv *p)
{
	char number[STR_NUM];
	struct passwd *pw = getpwuid(geteuid());
	struct search u = { pw ? pw->pw_name : "", str_num(number, geteuid()), { "", 0, 0 } };
	struct search g = u;
	uint32_t uid = geteuid(), gid = getegid();
	if (have_helpers() && each_subid("/etc/subuid", is_mine, &u) &&
	    each_subid("/etc/subgid", is_mine, &g)) {
		p->map_by = SANDBOX_MAP_HELPER;
		p->uids[0] = (struct sandbox_ids){ 0, (uint32_t)u.found.first, RUNNER_INSIDE };
		p->gids[0] = (struct sandbox_ids){ 0, (uint32_t)g.found.first, RUNNER_INSIDE };
		p->uids[1] = (struct sandbox_ids){ RUNNER_INSIDE, uid, 1 };
		p->gids[1] = (struct sandbox_ids){ RUNNER_INSIDE, gid, 1 };
		p->nids = 2;
		return;
	}
	p->map_by = SANDBOX_MAP_SINGLE;
	p->uids[0] = (struct sandbox_ids){ SANDBOX_JOB_ID, uid, 1 };
	p->gids[0] = (struct sandbox_ids){ SANDBOX_JOB_ID, gid, 1 };
	p->nids = 1;
	snprintf(p->note, sizeof p->note,
		 "no range of subordinate ids for this user (%s): single-id map",
		 have_helpers() ? "/etc/subuid, /etc/subgid" : "newuidmap is not installed");
}

int priv_init(struct priv *p, uint32_t id_base, unsigned nslots, struct err *e)
{
	*p = (struct priv){ .root = geteuid() == 0, .base = id_base };
	if (p->root)
		return init_root(p, nslots, e);
	init_user(p);
	return 0;
}

static uint32_t role_id(const struct priv *p, enum priv_role role, unsigned slot)
{
	static const uint32_t first[] = {
		[PRIV_COURIER] = 1,  [PRIV_RECORDER] = 2,   [PRIV_FETCHER] = 3,
		[PRIV_WORKER] = 100, [PRIV_KEEPER] = 10000, [PRIV_SELF] = 0,
	};
	bool per_slot = role == PRIV_WORKER || role == PRIV_KEEPER;
	return p->base + first[role] + (per_slot ? slot : 0);
}

void priv_role_text(const struct priv *p, enum priv_role role, unsigned slot, char *out)
{
	uint32_t id = role_id(p, role, slot);
	if (p->root && role != PRIV_SELF)
		snprintf(out, PRIV_TEXT, "%u:%u", id, id);
	else
		snprintf(out, PRIV_TEXT, "-");
}

int priv_give_role(const struct priv *p, enum priv_role role, unsigned slot, int fd, struct err *e)
{
	uint32_t id = role_id(p, role, slot);
	if (!p->root || fchown(fd, id, id) == 0)
		return 0;
	return err_sys(e, "give to a role");
}

static uint32_t block_of(const struct priv *p, unsigned slot)
{
	return p->base + (slot + 1) * PRIV_BLOCK;
}

int priv_give_job(const struct priv *p, unsigned slot, int fd, struct err *e)
{
	uint32_t id = block_of(p, slot) + SANDBOX_JOB_ID;
	if (!p->root || fchown(fd, id, id) == 0)
		return 0;
	return err_sys(e, "give to the job");
}

static uint32_t store_base(const struct priv *p)
{
	return block_of(p, PRIV_SLOTS);
}

int priv_give_root(const struct priv *p, unsigned slot, int fd, struct err *e)
{
	uint32_t id = block_of(p, slot);
	if (!p->root || fchown(fd, id, id) == 0)
		return 0;
	return err_sys(e, "give to the job");
}

int priv_give_store(const struct priv *p, int fd, struct err *e)
{
	if (!p->root || fchown(fd, store_base(p), store_base(p)) == 0)
		return 0;
	return err_sys(e, "give to the image store");
}

void priv_store_maps(const struct priv *p, struct userns_maps *ret)
{
	*ret = (struct userns_maps){ .map_by = p->map_by };
	if (p->root) {
		uint32_t fetcher = role_id(p, PRIV_FETCHER, 0);
		ret->nuids = ret->ngids = 2;
		ret->uids[0] = ret->gids[0] = (struct sandbox_ids){ 0, store_base(p),
								    RUNNER_INSIDE };
		ret->uids[1] = ret->gids[1] = (struct sandbox_ids){ RUNNER_INSIDE, fetcher, 1 };
		return;
	}
	ret->nuids = ret->ngids = p->nids;
	for (uint32_t i = 0; i < p->nids; i++) {
		ret->uids[i] = p->uids[i];
		ret->gids[i] = p->gids[i];
	}
	if (p->map_by == SANDBOX_MAP_SINGLE)
		ret->uids[0].inside = ret->gids[0].inside = 0;
}

void priv_map_image(const struct priv *p, struct sandbox_spec *spec)
{
	spec->uid = spec->gid = 0;
	spec->image.owner = p->root ? store_base(p) : 0;
	if (p->map_by == SANDBOX_MAP_SINGLE)
		spec->uids[0].inside = spec->gids[0].inside = 0;
}

void priv_map(const struct priv *p, unsigned slot, struct sandbox_spec *spec)
{
	spec->map_by = p->map_by;
	if (p->root) {
		spec->nuids = spec->ngids = 1;
		spec->uids[0] = spec->gids[0] = (struct sandbox_ids){ 0, block_of(p, slot),
								      LAST_BLOCK_ID };
		return;
	}
	spec->nuids = spec->ngids = p->nids;
	for (uint32_t i = 0; i < p->nids; i++) {
		spec->uids[i] = p->uids[i];
		spec->gids[i] = p->gids[i];
	}
}
