/*
 * The gate: what a worker may ask, when, and how often. A request that its phase does not permit, or
 * that comes a second time where once is all, ends the job: a worker that asks out of order is not
 * ours any more.
 */
#include "runner/slot.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/str.h"
#include "runner/rendezvous.h"
#include "runner/revocable.h"
#include "runner/slot_box.h"
#include "runner/slot_image.h"
#include "runner/slot_keeper.h"
#include "runner/slot_profile.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LEASE_MORE_S = 300, /* what is lent lives at most so much longer than the job may */
	URL_MAX = 4096,
};

struct gate_row {
	const char *name;
	unsigned phases; /* a bit for each phase that permits it */
	bool once;
	int (*serve)(struct slot *s, struct msg *m, struct err *e);
};

#define IN(p) (1u << PHASE_##p)

/* Of an adopted worker: its pidfd, the doorbell that it rings, its sandbox's init, if it has one, and those of
 * its services, as many as a message holds. */
static int take_hello_fds(struct slot *s, struct msg *m, struct err *e)
{
	autofd self = msg_get_fd(m);
	s->doorbell = msg_get_fd(m);
	if (m->fdat < m->nfds)
		s->pidfd = msg_get_fd(m);
	while (m->fdat < m->nfds)
		slot_service_adopt(s, msg_get_fd(m));
	return self < 0 ? -1 : role_adopt(&s->worker, "worker", s->host->loop, fd_take(&self), e);
}

static int serve_hello(struct slot *s, struct msg *m, struct err *e)
{
	uint64_t job = msg_get_u64(m);
	uint32_t phase = msg_get_u32(m);
	if (!s->adopted)
		return err_set(e, EPROTO, "it is known");
	if (take_hello_fds(s, m, e) < 0 || msg_end(m, e) < 0)
		return -1;
	if (s->id && job && job != s->id)
		return err_set(e, EPROTO, "it speaks of another job");
	if (phase < PHASES)
		s->phase = phase;
	if (s->ready)
		s->ready(s);
	return 0;
}

/* What the worker says about trust can take some away, never add any. */
static int choose_rights(struct slot *s, const struct gate_sandbox *want, struct err *e)
{
	const struct profile_facts f = {
		.protected_ref = s->protected_ref && want->protected_ref,
		.from_fork = s->from_fork || want->from_fork,
		.labels = want->labels,
	};
	return slot_profile_choose(s, &f, e);
}

static int serve_sandbox(struct slot *s, struct msg *m, struct err *e)
{
	struct gate_sandbox want;
	gate_get_sandbox(m, &want);
	if (msg_end(m, e) < 0)
		return -1;
	if (strlen(want.origin) >= sizeof s->origin)
		return err_set(e, EINVAL, "origin too long");
	snprintf(s->origin, sizeof s->origin, "%s", want.origin);
	s->want_project = want.project_id;
	s->want_protected = want.protected_ref != 0;
	struct err why = { 0 };
	if (!s->options)
		slot_refuse(s, "the registration of this job is no longer configured");
	else if (choose_rights(s, &want, &why) < 0 || slot_box_request(s, &want, &why) < 0)
		slot_refuse(s, why.msg);
	return 0;
}

/* A role that gets one end of a new connection as its fd 3; the worker gets the other. */
static int start_for_worker(struct slot *s, struct role *r, struct role_start *start, int *fds,
			    struct err *e)
{
	int pair[2];
	if (role_runs(r))
		return err_set(e, EBUSY, "the %s of this job still runs", start->name);
	if (msg_pair(pair, e) < 0)
		return -1;
	autofd ours = pair[0];
	autofd theirs = pair[1];
	fds[0] = theirs;
	start->fds = fds;
	if (role_start(r, s->host->loop, s->host->libexec, start, e) < 0)
		return -1;
	int grant = ours;
	slot_grant(s, &grant, 1, NULL);
	return 0;
}

static int settings_fd(const char *text, struct err *e)
{
	return fd_sealed("http", text, strlen(text), e);
}

static int mirror_for(struct slot *s, enum fetch_whose whose, const char *url, struct err *e)
{
	struct gate_sandbox want = {
		.origin = s->origin,
		.project_id = s->want_project,
		.protected_ref = s->want_protected,
	};
	if (whose == FETCH_OWN)
		return slot_mirror(s, &want, e);
	autofd fd = state_mirror_of_url(&s->host->state, url, whose == FETCH_PUBLIC, e);
	if (fd < 0 || priv_give_role(&s->host->priv, PRIV_FETCHER, s->number, fd, e) < 0)
		return -1;
	return fd_take(&fd);
}

static void start_fetcher(struct slot *s, struct err *e)
{
	char ids[PRIV_TEXT];
	priv_role_text(&s->host->priv, PRIV_FETCHER, s->number, ids);
	autofd mirror = mirror_for(s, s->waiting.whose, s->waiting.url, e);
	autofd settings = mirror < 0 ? -1 : settings_fd(s->options->http_settings, e);
	struct role_start start = { .name = "fetcher", .ids = ids, .nfds = 3 };
	int fds[] = { -1, mirror, settings };
	if (settings >= 0)
		(void)!start_for_worker(s, &s->fetcher, &start, fds, e);
}

/* One that joins the job's namespaces, as whom the job is there. */
static void start_joined(struct slot *s, struct role *r, const char *name, struct err *e)
{
	char ids[PRIV_TEXT];
	const char *const join[] = { "join", ids, NULL };
	struct role_start start = { .name = name, .ids = "-", .args = join, .nfds = 3 };
	int fds[] = { -1, s->userns, s->mntns };
	snprintf(ids, sizeof ids, "%u:%u", s->uid, s->gid);
	if (s->userns < 0)
		err_set(e, ENOENT, "there is no sandbox to work in");
	else
		(void)!start_for_worker(s, r, &start, fds, e);
}

static void start_packer(struct slot *s, struct err *e)
{
	start_joined(s, &s->packer, "packer", e);
}

static void start_archiver(struct slot *s, struct err *e)
{
	start_joined(s, &s->archiver, "archiver", e);
}

static void start_carrier(struct slot *s, struct err *e)
{
	char ids[PRIV_TEXT];
	priv_role_text(&s->host->priv, PRIV_FETCHER, s->number, ids);
	autofd settings = settings_fd(s->options->http_settings, e);
	struct role_start start = { .name = "carrier", .ids = ids, .nfds = 2 };
	int fds[] = { -1, settings };
	if (settings >= 0)
		(void)!start_for_worker(s, &s->carrier, &start, fds, e);
}

static void start_puller(struct slot *s, struct err *e)
{
	char ids[PRIV_TEXT];
	struct role_start start = { .name = "puller", .ids = ids, .nfds = 4 };
	int fds[] = { -1, -1, -1, -1 };
	priv_role_text(&s->host->priv, PRIV_FETCHER, s->number, ids);
	if (slot_image_puller_fds(s, fds + 1, e) == 0)
		(void)!start_for_worker(s, &s->puller, &start, fds, e);
	for (size_t i = 1; i < sizeof fds / sizeof *fds; i++)
		fd_close(&fds[i]);
}

static void start_unpacker(struct slot *s, struct err *e)
{
	struct role_start start = { .name = "unpacker", .ids = "-", .nfds = 3 };
	int fds[] = { -1, -1, -1 };
	if (slot_image_unpacker_fds(s, fds + 1, e) == 0)
		(void)!start_for_worker(s, &s->unpacker, &start, fds, e);
	for (size_t i = 1; i < sizeof fds / sizeof *fds; i++)
		fd_close(&fds[i]);
}

/* What must not be shared has another name: of another server, project or trust. */
static void cache_name(const struct slot *s, char ret[2 * SHA256_SIZE + 1])
{
	char text[sizeof s->origin + 200];
	uint8_t digest[SHA256_SIZE];
	bool protected_ref = s->protected_ref >= 0 ? s->protected_ref : s->want_protected;
	snprintf(text, sizeof text, "%s\n%llu\n%s",
		 s->origin[0] ? s->origin : s->label.registration,
		 (unsigned long long)(s->project_id ? s->project_id : s->want_project),
		 protected_ref ? "protected" : "");
	sha256(text, strlen(text), digest);
	for (size_t i = 0; i < SHA256_SIZE; i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

static void start_storer(struct slot *s, struct err *e)
{
	char ids[PRIV_TEXT], name[2 * SHA256_SIZE + 1], max[STR_NUM], floor[STR_NUM];
	const char *const args[] = { name, str_num(max, s->options->cache_size),
				     str_num(floor, s->options->cache_free), NULL };
	int top = s->host->state.caches;
	cache_name(s, name);
	priv_role_text(&s->host->priv, PRIV_FETCHER, s->number, ids);
	struct role_start start = { .name = "storer", .ids = ids, .args = args, .nfds = 2 };
	int fds[] = { -1, top };
	if (priv_give_role(&s->host->priv, PRIV_FETCHER, s->number, top, e) == 0)
		(void)!start_for_worker(s, &s->storer, &start, fds, e);
}

struct waiting_row {
	uint32_t type;
	size_t role;
	void (*start)(struct slot *s, struct err *e);
};

static const struct waiting_row waiting_rows[] = {
	{ GATE_FETCHER, offsetof(struct slot, fetcher), start_fetcher },
	{ GATE_PACKER, offsetof(struct slot, packer), start_packer },
	{ GATE_ARCHIVER, offsetof(struct slot, archiver), start_archiver },
	{ GATE_CARRIER, offsetof(struct slot, carrier), start_carrier },
	{ GATE_PULLER, offsetof(struct slot, puller), start_puller },
	{ GATE_UNPACKER, offsetof(struct slot, unpacker), start_unpacker },
	{ GATE_STORER, offsetof(struct slot, storer), start_storer },
};

/* The role before it was let go by the worker and may not have ended yet: its end is waited for. */
void slot_serve_waiting(struct slot *s)
{
	struct err why = { 0 };
	uint32_t type = s->waiting.type;
	size_t i = 0;
	while (i < sizeof waiting_rows / sizeof *waiting_rows && waiting_rows[i].type != type)
		i++;
	if (i == sizeof waiting_rows / sizeof *waiting_rows || s->state > SLOT_RUNNING ||
	    role_runs((struct role *)(void *)((char *)s + waiting_rows[i].role)))
		return;
	s->waiting.type = 0;
	if (s->options)
		waiting_rows[i].start(s, &why);
	else
		err_set(&why, ENOENT, "the registration of this job is no longer configured");
	if (why.code)
		slot_refuse(s, why.msg);
}

static int serve_fetcher(struct slot *s, struct msg *m, struct err *e)
{
	s->waiting.whose = msg_get_u32(m) % FETCH_WHOSES;
	const char *url = msg_get_str(m);
	if (msg_end(m, e) < 0)
		return -1;
	if (strlen(url) >= URL_MAX)
		return err_set(e, EINVAL, "URL too long");
	free(s->waiting.url);
	s->waiting.url = strdup(url);
	if (!s->waiting.url)
		return err_set(e, ENOMEM, "out of memory");
	s->waiting.type = GATE_FETCHER;
	slot_serve_waiting(s);
	return 0;
}

/* A role that is asked for by its name alone. */
static int serve_helper(struct slot *s, struct msg *m, struct err *e)
{
	if (msg_end(m, e) < 0)
		return -1;
	s->waiting.type = m->type;
	slot_serve_waiting(s);
	return 0;
}

/* Room for an archive on its way, on the disk that holds the jobs; it goes with its last fd. */
static int spool_file(const struct slot *s, struct err *e)
{
	autofd fd = openat(s->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd_take(&fd);
	fd = openat(s->dir, "spool", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || unlinkat(s->dir, "spool", 0) < 0)
		return err_sys(e, "spool");
	return fd_take(&fd);
}

static int serve_spool(struct slot *s, struct msg *m, struct err *e)
{
	struct err why = { 0 };
	if (msg_end(m, e) < 0)
		return -1;
	autofd fd = spool_file(s, &why);
	int grant = fd;
	if (fd < 0)
		slot_refuse(s, why.msg);
	else
		slot_grant(s, &grant, 1, NULL);
	return 0;
}

static int serve_keeper(struct slot *s, struct msg *m, struct err *e)
{
	struct err why = { 0 };
	char ids[PRIV_TEXT];
	int pair[2];
	uint64_t job = msg_get_u64(m), timeout = msg_get_u32(m);
	if (msg_end(m, e) < 0)
		return -1;
	if (!s->options) {
		slot_refuse(s, "the registration of this job is no longer configured");
		return 0;
	}
	if (msg_pair(pair, e) < 0)
		return -1;
	s->keeper_job = s->id ? s->id : job;
	s->keeper_life_s = (s->timeout_s ? s->timeout_s : timeout) + LEASE_MORE_S;
	s->keeper_socket.fd = pair[0];
	autofd theirs = pair[1];
	priv_role_text(&s->host->priv, PRIV_KEEPER, s->number, ids);
	autofd settings = revocable_settings(s, &why);
	autofd audit = settings < 0 ? -1 : state_audit(&s->host->state, &why);
	autofd later = audit < 0 ? -1 : rendezvous_listen(s->dir, "keeper", &why);
	struct role_start start = { .name = "keeper", .ids = ids, .nfds = 5 };
	int fds[] = { -1, theirs, settings, audit, later };
	if (later < 0 || start_for_worker(s, &s->keeper, &start, fds, &why) < 0 ||
	    slot_keeper_watch(s, &why) < 0)
		slot_refuse(s, why.msg);
	return 0;
}

/* A wish: nobody waits for it, and what is wrong with it is only not done. */
static int serve_snapshot(struct slot *s, struct msg *m, struct err *e)
{
	struct err why = { 0 };
	struct snapshot_wish w = { .mirror = -1 };
	w.key = msg_get_str(m);
	w.sha = msg_get_str(m);
	w.url = msg_get_str(m);
	autofd refs = msg_get_fd(m);
	if (msg_end(m, e) < 0)
		return -1;
	w.project_dir = s->project_dir;
	w.mirror = s->origin[0] ? mirror_for(s, FETCH_OWN, "", &why) : -1;
	w.refs = fd_take(&refs);
	if (w.mirror >= 0) {
		snapshot_wish(s->host, &w);
		return 0;
	}
	fd_close(&w.refs);
	return 0;
}

static int serve_phase(struct slot *s, struct msg *m, struct err *e)
{
	uint32_t phase = msg_get_u32(m);
	if (msg_end(m, e) < 0)
		return -1;
	if (phase < s->phase || phase > PHASES)
		return err_set(e, EPROTO, "phases do not go back");
	s->phase = phase;
	return 0;
}

static const struct gate_row gate[GATE_TYPES] = {
	[GATE_HELLO] = { "hello", ~0u, true, serve_hello },
	[GATE_SANDBOX] = { "sandbox", IN(PREPARE) | IN(SECRETS), true, serve_sandbox },
	[GATE_FETCHER] = { "fetcher", IN(SOURCES) | IN(STEPS), false, serve_fetcher },
	[GATE_PACKER] = { "packer", IN(SOURCES) | IN(STEPS), false, serve_helper },
	[GATE_ARCHIVER] = { "archiver", IN(SOURCES) | IN(STEPS) | IN(UPLOAD), false, serve_helper },
	[GATE_CARRIER] = { "carrier", IN(SOURCES) | IN(UPLOAD), false, serve_helper },
	[GATE_STORER] = { "storer", IN(SOURCES) | IN(UPLOAD), false, serve_helper },
	[GATE_SPOOL] = { "spool", IN(SOURCES) | IN(UPLOAD), false, serve_spool },
	[GATE_IMAGE] = { "image", IN(PREPARE) | IN(STEPS), false, slot_image_serve },
	[GATE_PULLER] = { "puller", IN(PREPARE) | IN(STEPS), false, serve_helper },
	[GATE_UNPACKER] = { "unpacker", IN(PREPARE) | IN(STEPS), false, serve_helper },
	[GATE_SERVICE] = { "service", IN(PREPARE) | IN(SECRETS) | IN(SOURCES) | IN(STEPS), false,
			   slot_service_serve },
	[GATE_KEEPER] = { "keeper", IN(PREPARE) | IN(SECRETS), true, serve_keeper },
	[GATE_SNAPSHOT] = { "snapshot", IN(SOURCES), true, serve_snapshot },
	[GATE_PHASE] = { "phase", ~0u, false, serve_phase },
};

/* Of a job whose registration is gone from the configuration: nothing says any more how to serve it. */
static bool orphaned(struct slot *s, uint32_t type)
{
	if (s->options || type == GATE_HELLO || type == GATE_PHASE)
		return false;
	slot_refuse(s, "the job's registration is no longer configured");
	return true;
}

static bool permits(const struct slot *s, uint32_t type)
{
	if (type == 0 || type >= GATE_TYPES)
		return false;
	const struct gate_row *r = &gate[type];
	return (r->phases >> s->phase & 1) && !(r->once && (s->used >> type & 1));
}

void slot_serve(struct slot *s, struct msg *m)
{
	struct err e = { 0 };
	uint32_t type = m->type;
	if (!permits(s, type)) {
		char num[STR_NUM];
		log_error("the worker asked what it may not", "job", s->name, "request",
			  type < GATE_TYPES && type ? gate[type].name : str_num(num, type), "phase",
			  phase_name(s->phase), NULL);
		role_signal(&s->worker, SIGKILL);
		return;
	}
	s->used |= 1u << type;
	if (orphaned(s, type))
		return;
	if (gate[type].serve(s, m, &e) == 0)
		return;
	log_error("the worker's request is malformed", "job", s->name, "request", gate[type].name,
		  "err", e.msg, NULL);
	role_signal(&s->worker, SIGKILL);
}
