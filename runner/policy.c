#include "runner/policy.h"

#include "base/str.h"
#include "runner/cgroup.h"
#include "runner/priv.h"
#include "sandbox/seccomp_table.h"
#include "sandbox/spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOTE = 256, WEAKER_MAX = 4096 };

/* What all the lines are about. */
struct policy {
	const struct config *c;
	const struct config_runner *r;
	struct buf *out;
};

static const char *const isolations[SANDBOX_PROFILES] = {
	[SANDBOX_PROFILE_DEFAULT] = "default",
	[SANDBOX_PROFILE_STRICT] = "strict",
	[SANDBOX_PROFILE_NESTED] = "nested",
};
static const char *const profiles[SANDBOX_PROFILES] = {
	[SANDBOX_PROFILE_DEFAULT] = "job",
	[SANDBOX_PROFILE_STRICT] = "job-strict",
	[SANDBOX_PROFILE_NESTED] = "job-nested",
};

static bool nested(const struct policy *p)
{
	return p->r->isolation == SANDBOX_PROFILE_NESTED;
}

static int say_ids(const struct policy *p, struct err *e)
{
	struct priv priv;
	struct err why = { 0 };
	if (priv_init(&priv, (uint32_t)p->c->id_base, (unsigned)p->c->concurrent, &why) < 0)
		return buf_printf(p->out, e, "ids: jobs cannot run: %s\n", why.msg);
	if (priv.root)
		return buf_printf(
			p->out, e,
			"ids: uid %d inside; a block of %d ids for each slot outside, from "
			"%u on\n",
			SANDBOX_JOB_ID, PRIV_BLOCK, priv.base + PRIV_BLOCK);
	return buf_printf(p->out, e, "ids: uid %d inside; outside %s\n", SANDBOX_JOB_ID,
			  priv.note[0] ? priv.note : "this user's subordinate ids");
}

static int say_namespaces(const struct policy *p, struct err *e)
{
	bool host = p->r->network == CONFIG_NETWORK_HOST;
	bool time = access("/proc/self/ns/time", F_OK) == 0;
	return buf_printf(
		p->out, e, "namespaces: user, mount, pid, ipc, uts, cgroup%s%s; nested ones: %s\n",
		time ? ", time" : "", host ? "" : ", net", nested(p) ? "allowed" : "refused");
}

static int say_network(const struct policy *p, struct err *e)
{
	return buf_printf(p->out, e, "network: %s\n",
			  p->r->network == CONFIG_NETWORK_HOST
				  ? "the host's, with all that it reaches (not isolated)"
				  : "none but loopback");
}

static int say_files(const struct policy *p, struct err *e)
{
	uint64_t tmp = p->r->tmp_size ? p->r->tmp_size : SANDBOX_TMP_BYTES;
	if (buf_printf(
		    p->out, e,
		    "files: the host's programs read-only, /etc without keys; own and empty: /tmp, "
		    "/run, /dev/shm, HOME (%llu MiB each), the project below %s\n",
		    (unsigned long long)(tmp >> 20), p->r->builds_dir) < 0)
		return -1;
	for (size_t i = 0; i < p->r->nmounts; i++)
		if (buf_printf(p->out, e, "mount: %s\n", p->r->mounts[i]) < 0)
			return -1;
	for (size_t i = 0; i < p->r->ndevices; i++)
		if (buf_printf(p->out, e, "device: %s\n", p->r->devices[i]) < 0)
			return -1;
	return 0;
}

static int say_privileges(const struct policy *p, struct err *e)
{
	return buf_str(p->out, "capabilities: none, and none can be gained (no_new_privs)\n", e);
}

static int say_calls(const struct policy *p, struct err *e)
{
	size_t allowed, refused;
	if (seccomp_count(profiles[p->r->isolation], &allowed, &refused) < 0)
		return err_set(e, EINVAL, "no such isolation");
	return buf_printf(p->out, e,
			  "system calls: isolation %s: %zu allowed, %zu refused, all "
			  "others unknown\n",
			  isolations[p->r->isolation], allowed, refused);
}

static int say_landlock(const struct policy *p, struct err *e)
{
	enum { ASK_ABI = 1, USEFUL = 2 };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_ABI);
	return buf_printf(p->out, e, "landlock: %s\n",
			  nested(p) ? "not used: it would forbid the mounts of isolation nested"
			  : abi < USEFUL ? "this kernel has none that is of use"
					 : "used, as far as this kernel knows it");
}

/* "memory: 512 MiB" and the like; 0 is "no limit". */
static int say_limit(const struct policy *p, const char *what, uint64_t value, const char *by,
		     struct err *e)
{
	if (!value)
		return buf_printf(p->out, e, "%s: no limit of ours\n", what);
	return buf_printf(p->out, e, "%s: %llu, %s\n", what, (unsigned long long)value, by);
}

static int say_limits(const struct policy *p, struct err *e)
{
	char note[NOTE], sampled[NOTE + 64];
	bool group = cgroup_expect(p->c->cgroup, note, sizeof note);
	snprintf(sampled, sizeof sampled, "by samples each 200 ms (%s)", note);
	const struct config_runner *r = p->r;
	if (say_limit(p, "memory (bytes)", r->memory, group ? "by cgroup" : sampled, e) < 0 ||
	    say_limit(p, "CPUs", r->cpus,
		      group ? "by affinity and cgroup" : "by affinity, which a job can widen",
		      e) < 0 ||
	    say_limit(p, "processes", r->nproc, group ? "by rlimit and cgroup" : "by rlimit", e) <
		    0 ||
	    say_limit(p, "open files", r->nofile, "by rlimit, of each process", e) < 0 ||
	    say_limit(p, "file size (bytes)", r->fsize, "by rlimit", e) < 0)
		return -1;
	return buf_printf(p->out, e, "log (bytes): %llu\ncore dumps: none\n",
			  (unsigned long long)r->output_limit);
}

static int (*const says[])(const struct policy *p, struct err *e) = {
	say_ids,        say_namespaces, say_network,  say_files,
	say_privileges, say_calls,      say_landlock, say_limits,
};

/* --- which of them there are ---------------------------------------------------------------------- */

static int say_facts(const struct profile_facts *f, struct buf *out, struct err *e)
{
	if (buf_printf(out, e, "job: %s ref, %s\n", f->protected_ref ? "protected" : "unprotected",
		       f->from_fork ? "from a fork" : "not from a fork") < 0)
		return -1;
	for (const char *s = f->labels; *s; s += *s == '\n') {
		int n = (int)strcspn(s, "\n");
		if (buf_printf(out, e, "job label: %.*s\n", n, s) < 0)
			return -1;
		s += n;
	}
	return 0;
}

/* What depends on jobs that are not known. */
static int say_rules(const struct config_runner *r, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < r->nprofile_rules; i++)
		if (buf_printf(out, e, "profile rule: %s\n", r->profile_rules[i]) < 0)
			return -1;
	return 0;
}

static int say_key(const struct profile_choice *c, size_t at, struct buf *out, struct err *e)
{
	const struct config_key *k = &config_profile_level.keys[at];
	if (!c->by[at])
		return 0;
	const char *profile = c->fits[c->by[at] - 1].profile->name;
	if (buf_printf(out, e, "profile %s: %s: ", profile, k->name) < 0 ||
	    profile_value(k, &c->rights, out, e) < 0)
		return -1;
	return buf_char(out, '\n', e);
}

static int say_choice(const struct profile_choice *c, const struct config_runner *r,
		      struct buf *out, struct err *e)
{
	if (buf_str(out, "profiles: ", e) < 0 || profile_names(c, out, e) < 0 ||
	    buf_char(out, '\n', e) < 0)
		return -1;
	for (size_t i = 0; i < config_profile_level.n; i++)
		if (say_key(c, i, out, e) < 0)
			return -1;
	autobuf weaker = BUF(WEAKER_MAX);
	if (profile_weaker(c, r, &weaker, e) < 0)
		return -1;
	return weaker.len ? buf_printf(out, e, "more than the registration itself: %s\n",
				       buf_cstr(&weaker))
			  : 0;
}

/* with: what belongs to the job's registration. */
static int explain(const struct policy *with, const struct profile_facts *facts, struct arena *a,
		   struct err *e)
{
	const struct config_runner *r = with->r;
	struct profile_choice choice;
	const struct policy job = { with->c, &choice.rights, with->out };
	const struct profile_asked q = { job.c, r, facts };
	if (profile_choose(&q, a, &choice, e) < 0 || (facts && say_facts(facts, job.out, e) < 0) ||
	    say_choice(&choice, r, job.out, e) < 0 || (!facts && say_rules(r, job.out, e) < 0))
		return -1;
	for (size_t i = 0; i < sizeof says / sizeof *says; i++)
		if (says[i](&job, e) < 0)
			return -1;
	return 0;
}

int policy_explain(const struct config *c, const struct config_runner *r,
		   const struct profile_facts *facts, struct buf *out, struct err *e)
{
	struct arena a = ARENA(CONFIG_ARENA_MAX);
	const struct policy p = { c, r, out };
	int done = explain(&p, facts, &a, e);
	arena_done(&a);
	return done;
}
