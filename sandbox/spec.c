#include "sandbox/spec.h"

#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { ID_MAX = INT32_MAX, TMP_MIN = 1 << 16 };

void sandbox_spec_init(struct sandbox_spec *s)
{
	memset(s, 0, sizeof *s);
	s->version = SANDBOX_SPEC_VERSION;
	s->net = SANDBOX_NET_NONE;
	s->map_by = SANDBOX_MAP_DIRECT;
	s->uid = s->gid = SANDBOX_JOB_ID;
	s->cgroup_fd = s->net_fd = -1;
	s->image.layers_fd = s->image.upper_fd = -1;
	s->tmp_bytes = SANDBOX_TMP_BYTES;
	memcpy(s->hostname, "job", 4);
	memcpy(s->home, "/home/job", 10);
	memcpy(s->work, "/builds", 8);
}

struct sandbox_mount *sandbox_spec_mount(struct sandbox_spec *s, enum sandbox_mount_kind kind,
					 const char *target, uint32_t flags, struct err *e)
{
	size_t n = strlen(target);
	if (s->nmounts >= SANDBOX_MOUNTS || n >= SANDBOX_PATH) {
		err_set(e, E2BIG, "mount %s: does not fit", target);
		return NULL;
	}
	struct sandbox_mount *m = &s->mounts[s->nmounts++];
	memset(m, 0, sizeof *m);
	m->kind = kind;
	m->flags = flags;
	memcpy(m->target, target, n + 1);
	return m;
}

bool sandbox_path_beneath(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Absolute, printable, and spelled in the one way it can be. */
static bool path_is_normal(const char *path)
{
	size_t n = strlen(path);
	if (path[0] != '/' || n < 2 || n >= SANDBOX_PATH || !str_is_printable(path, n))
		return false;
	for (const char *p = path; *p;) {
		size_t len = strcspn(++p, "/");
		if (len == 0 || (len == 1 && p[0] == '.') ||
		    (len == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += len;
	}
	return true;
}

bool sandbox_path_ok(const char *path)
{
	static const char *const kernels[] = { "/proc", "/sys", "/dev" };
	for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
		if (sandbox_path_beneath(path, kernels[i]))
			return false;
	return path_is_normal(path);
}

uint32_t sandbox_ids_outside(const struct sandbox_ids *maps, size_t n, uint32_t inside)
{
	for (size_t i = 0; i < n; i++)
		if (inside >= maps[i].inside && inside - maps[i].inside < maps[i].count)
			return maps[i].outside + (inside - maps[i].inside);
	return UINT32_MAX;
}

static bool overlap(uint32_t a, uint32_t b, uint32_t na, uint32_t nb)
{
	return a < b ? b - a < na : a - b < nb;
}

/* In range on both sides; the host's root is never mapped. */
static bool row_ok(const struct sandbox_ids *m)
{
	return m->count >= 1 && m->count <= ID_MAX && m->inside <= ID_MAX - m->count &&
	       m->outside != 0 && m->outside <= ID_MAX - m->count;
}

static bool rows_overlap(const struct sandbox_ids *a, const struct sandbox_ids *b)
{
	return overlap(a->inside, b->inside, a->count, b->count) ||
	       overlap(a->outside, b->outside, a->count, b->count);
}

/* least: the least id that the job may have. */
static int check_ids(const struct sandbox_ids *maps, uint32_t n, uint32_t job, uint32_t least,
		     struct err *e)
{
	if (n < 1 || n > SANDBOX_MAPS)
		return err_set(e, EINVAL, "%u rows", n);
	for (uint32_t i = 0; i < n; i++) {
		if (!row_ok(&maps[i]))
			return err_set(e, EINVAL, "row %u: out of range", i);
		for (uint32_t j = 0; j < i; j++)
			if (rows_overlap(&maps[i], &maps[j]))
				return err_set(e, EINVAL, "rows %u and %u overlap", j, i);
	}
	if (job < least || sandbox_ids_outside(maps, n, job) == UINT32_MAX)
		return err_set(e, EINVAL, "the job's id %u is not mapped", job);
	return 0;
}

/* The bytes hold a '\0' and what is before it is printable. */
static bool text_ok(const char *s, size_t size)
{
	size_t n = strnlen(s, size);
	return n < size && str_is_printable(s, n);
}

/* Letters, digits and what else is in extra. */
static bool letters_ok(const char *s, const char *extra)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(extra, *s))
			return false;
	return true;
}

static int check_names(const struct sandbox_spec *s, struct err *e)
{
	if (!text_ok(s->hostname, SANDBOX_HOSTNAME) || !isalnum((unsigned char)s->hostname[0]) ||
	    !letters_ok(s->hostname, "-."))
		return err_set(e, EINVAL, "hostname");
	if (!text_ok(s->aliases, SANDBOX_ALIASES) || !letters_ok(s->aliases, "-._ "))
		return err_set(e, EINVAL, "aliases");
	return 0;
}

/* What each kind of mount asks of its fields. */
static bool mount_source_ok(const struct sandbox_mount *m, size_t nfds)
{
	bool size_ok = m->kind == SANDBOX_TMPFS ? m->size >= TMP_MIN && m->size <= INT64_MAX
						: m->size == 0;
	bool fd_ok = m->kind == SANDBOX_BIND_FD ? m->fd < nfds : m->fd == 0;
	bool path_ok = m->kind == SANDBOX_BIND_PATH ? path_is_normal(m->source)
						    : m->source[0] == '\0';
	return size_ok && fd_ok && path_ok;
}

static int check_mount(const struct sandbox_mount *m, size_t nfds, struct err *e)
{
	if (!text_ok(m->target, sizeof m->target) || !text_ok(m->source, sizeof m->source))
		return err_set(e, EINVAL, "malformed path");
	if (m->kind >= SANDBOX_MOUNT_KINDS || (m->flags & ~(uint32_t)SANDBOX_MOUNT_FLAGS) || m->pad)
		return err_set(e, EINVAL, "%s: kind or flags", m->target);
	bool device = (m->flags & SANDBOX_DEVICE) && sandbox_path_beneath(m->target, "/dev") &&
		      path_is_normal(m->target) && strcmp(m->target, "/dev") != 0;
	if (!device && !sandbox_path_ok(m->target))
		return err_set(e, EINVAL, "%s: not a place for a mount", m->target);
	if (!mount_source_ok(m, nfds))
		return err_set(e, EINVAL, "%s: source", m->target);
	return 0;
}

static int check_mounts(const struct sandbox_spec *s, size_t nfds, struct err *e)
{
	if (s->nmounts > SANDBOX_MOUNTS)
		return err_set(e, EINVAL, "%u mounts", s->nmounts);
	for (uint32_t i = 0; i < s->nmounts; i++) {
		if (check_mount(&s->mounts[i], nfds, e) < 0)
			return err_wrap(e, "mount %u", i);
		if (s->mounts[i].kind == SANDBOX_FOLDER && s->image.nlayers == 0)
			return err_set(e, EINVAL, "mount %u: a folder without an image", i);
	}
	if (!text_ok(s->home, sizeof s->home) || !sandbox_path_ok(s->home))
		return err_set(e, EINVAL, "home: not a place for a mount");
	if (!text_ok(s->work, sizeof s->work) || !sandbox_path_ok(s->work))
		return err_set(e, EINVAL, "work: not a place for a mount");
	return 0;
}

static bool fd_ok(int32_t fd, size_t nfds)
{
	return fd >= 0 && (size_t)fd < nfds;
}

static int check_image(const struct sandbox_spec *s, size_t nfds, struct err *e)
{
	const struct sandbox_image *i = &s->image;
	if (i->nlayers == 0)
		return 0;
	if (i->nlayers > SANDBOX_LAYERS || !fd_ok(i->layers_fd, nfds) || i->owner > ID_MAX ||
	    (i->upper_fd != -1 && !fd_ok(i->upper_fd, nfds)))
		return err_set(e, EINVAL, "image: layers");
	return text_ok(i->user, sizeof i->user) ? 0 : err_set(e, EINVAL, "image: user");
}

static int check_head(const struct sandbox_spec *s, size_t nfds, struct err *e)
{
	if (s->version != SANDBOX_SPEC_VERSION)
		return err_set(e, EINVAL, "version %u, not %d", s->version, SANDBOX_SPEC_VERSION);
	bool joins = s->net == SANDBOX_NET_JOIN;
	if (s->net >= SANDBOX_NETS || (joins ? !fd_ok(s->net_fd, nfds) : s->net_fd != -1))
		return err_set(e, EINVAL, "network profile %u", s->net);
	if (s->map_by >= SANDBOX_MAP_WAYS)
		return err_set(e, EINVAL, "way of mapping ids %u", s->map_by);
	if (nfds > SANDBOX_FDS || s->cgroup_fd < -1 || s->cgroup_fd >= (int)nfds)
		return err_set(e, EINVAL, "fds");
	if (s->profile >= SANDBOX_PROFILES)
		return err_set(e, EINVAL, "profile %u", s->profile);
	if (s->tmp_bytes < TMP_MIN || s->tmp_bytes > INT64_MAX)
		return err_set(e, EINVAL, "tmp_bytes %llu", (unsigned long long)s->tmp_bytes);
	return 0;
}

int sandbox_spec_check(const struct sandbox_spec *s, size_t nfds, struct err *e)
{
	if (check_head(s, nfds, e) < 0)
		return err_wrap(e, "spec");
	uint32_t least = s->image.nlayers ? 0 : 1; /* root of the host's files is nobody's job */
	if (check_ids(s->uids, s->nuids, s->uid, least, e) < 0)
		return err_wrap(e, "spec: uid map");
	if (check_ids(s->gids, s->ngids, s->gid, least, e) < 0)
		return err_wrap(e, "spec: gid map");
	if (check_names(s, e) < 0 || check_image(s, nfds, e) < 0 || check_mounts(s, nfds, e) < 0)
		return err_wrap(e, "spec");
	return 0;
}
