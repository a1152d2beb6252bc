/*
 * The engine for mirrors that exist where libgit2 is older than 1.7 (it downloads again much of what
 * is there): the git program, run by the fetcher.
 *
 * Everything it is told, the token too, is in one memfd that it reads as its global configuration
 * (GIT_CONFIG_GLOBAL=/proc/self/fd/N): nothing in argv, the environment or a file. Hooks, other
 * configuration, credential helpers, redirects and every protocol but http and https are off. It
 * holds the mirror's lock too, and dies with us.
 */
#include "executor/authorization.h"
#include "executor/git_lib.h"
#include "executor/git_listing.h"
#include "executor/git_mirror.h"

#include "base/fd.h"
#include "base/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { CONFIG_MAX = 64 << 10, OUTPUT_MAX = 16 << 10, ARGS = 16 };

static const char fixed[] = "[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n"
			    "[protocol]\n\tallow = never\n"
			    "[protocol \"http\"]\n\tallow = always\n"
			    "[protocol \"https\"]\n\tallow = always\n"
			    "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
			    "[fetch]\n\tunpackLimit = 1\n\twriteCommitGraph = false\n"
			    "[credential]\n\thelper =\n\tinteractive = never\n"
			    "[http]\n\tfollowRedirects = false\n\tlowSpeedLimit = 1\n"
			    "\tuserAgent = courser/" VERSION "\n";

/* A value in quotes; the only bytes that matter to git are these two (no newline can be here). */
static int quoted(struct buf *b, const char *key, const char *value, struct err *e)
{
	if (buf_printf(b, e, "\t%s = \"", key) < 0)
		return -1;
	for (const char *p = value; *p; p++) {
		if (*p == '\n' || *p == '\r')
			return err_set(e, EINVAL, "%s: a line break", key);
		if ((*p == '"' || *p == '\\') && buf_char(b, '\\', e) < 0)
			return -1;
		if (buf_char(b, *p, e) < 0)
			return -1;
	}
	return buf_str(b, "\"\n", e);
}

static int optional(struct buf *b, const char *key, const char *value, struct err *e)
{
	return *value ? quoted(b, key, value, e) : 0;
}

static int authorization(struct buf *b, const struct fetch_request *r, struct err *e)
{
	if (!*r->token)
		return 0;
	if (buf_str(b, "\textraHeader = \"", e) < 0 ||
	    authorization_basic(b, r->user, r->token, e) < 0)
		return -1;
	return buf_str(b, "\"\n", e);
}

/* The whole configuration as a memfd that git inherits. */
static int configuration(const struct git_work *w, struct err *e)
{
	const struct fetch_settings *s = w->settings;
	autobuf b = BUF(CONFIG_MAX);
	if (buf_str(&b, fixed, e) < 0 ||
	    buf_printf(&b, e, "\tlowSpeedTime = %u\n", (unsigned)(s->stall_ms / 1000)) < 0 ||
	    authorization(&b, w->r, e) < 0 || optional(&b, "proxy", s->proxy, e) < 0 ||
	    optional(&b, "sslCAInfo", s->ca, e) < 0 || optional(&b, "sslCert", s->cert, e) < 0 ||
	    optional(&b, "sslKey", s->key, e) < 0 || buf_str(&b, "[remote \"origin\"]\n", e) < 0 ||
	    quoted(&b, "url", w->r->url, e) < 0)
		return err_wrap(e, "git");
	int fd = fd_sealed("git-config", b.p, b.len, e);
	explicit_bzero(b.p, b.cap);
	return fd;
}

struct launch {
	char *argv[ARGS + FETCH_REFSPECS_MAX + 1];
	char *envp[12];
	char config[64], no_proxy[1024];
	int config_fd, out;
	bool speaks; /* its answer is what it prints */
	pid_t parent;
};

/* Between fork and exec. */
static void become_git(struct git_work *w, struct launch *l)
{
	struct rlimit size = { w->settings->max_bytes, w->settings->max_bytes };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != l->parent)
		_exit(126);
	setrlimit(RLIMIT_FSIZE, &size);
	if (null < 0 || dup2(null, 0) < 0 || dup2(l->speaks ? l->out : null, 1) < 0 ||
	    dup2(l->out, 2) < 0 || fcntl(l->config_fd, F_SETFD, 0) < 0 ||
	    fcntl(w->lock, F_SETFD, 0) < 0)
		_exit(126);
	execve(w->settings->git, l->argv, l->envp);
	_exit(127);
}

static void keep_byte(struct buf *kept, char c)
{
	struct err none = { 0 };
	if (c == '\r') {
		const char *nl = memrchr(buf_cstr(kept), '\n', kept->len);
		kept->len = nl ? (size_t)(nl - kept->p) + 1 : 0;
		return;
	}
	if (kept->len > kept->max / 2)
		buf_drop(kept, kept->max / 4);
	(void)!buf_char(kept, c, &none);
}

/* What git says, until it ends; progress (lines ended by \r) is movement, the rest is kept. */
static void listen_to(struct git_work *w, int fd, struct buf *kept)
{
	char part[4096];
	for (;;) {
		ssize_t n = read(fd, part, sizeof part);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		git_work_moved(w);
		for (ssize_t i = 0; i < n; i++)
			keep_byte(kept, part[i]);
	}
}

static int run_git(struct git_work *w, struct launch *l, struct buf *said, struct err *e)
{
	int pipe_fds[2];
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(e, "git");
	autofd from = pipe_fds[0], to = pipe_fds[1];
	l->out = to;
	l->parent = getpid();
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, "git");
	if (pid == 0)
		become_git(w, l);
	fd_close(&to);
	listen_to(w, from, said);
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, "git");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(e, EIO, "git ended with %d",
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* The line that says why, without its "fatal: ". */
static void reason(const struct buf *said, char *out, size_t size)
{
	static const char *const marks[] = { "fatal: ", "error: ", "remote: " };
	const char *text = buf_cstr(said);
	out[0] = '\0';
	for (size_t i = 0; i < sizeof marks / sizeof *marks && !out[0]; i++) {
		const char *at = strstr(text, marks[i]);
		if (at) {
			at += strlen(marks[i]);
			snprintf(out, size, "%.*s", (int)strcspn(at, "\n"), at);
		}
	}
	for (char *p = out; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
}

static uint64_t packed_bytes(int dir)
{
	uint64_t sum = 0;
	struct stat st;
	int fd = openat(dir, "objects/pack", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_closep(&fd);
		return 0;
	}
	for (struct dirent *de; (de = readdir(d)) != NULL;)
		if (str_ends(de->d_name, ".pack") && fstatat(dirfd(d), de->d_name, &st, 0) == 0)
			sum += (uint64_t)st.st_size;
	closedir(d);
	return sum;
}

static char *spec_arg(const struct refspec *s)
{
	char *text = NULL;
	int n = s->oid ? asprintf(&text, "+%.40s:refs/commits/%.40s", s->src, s->src)
		       : asprintf(&text, "+%.*s%s:%.*s%s", (int)s->nsrc, s->src, s->glob ? "*" : "",
				  (int)s->nsrc, s->src, s->glob ? "*" : "");
	return n < 0 ? NULL : text;
}

/* What went wrong, in e, and which kind of failure it is. */
static void explain(struct git_work *w, const struct buf *said, char *why, size_t size,
		    struct err *e)
{
	reason(said, why, size);
	w->fault = git_text_fault(buf_cstr(said));
	if (w->fault == SOURCES_AUTH)
		snprintf(why, size, "the server refused the token");
	err_set(e, EIO, "%s: git: %s%s", w->r->url, *why ? why : "no reason given",
		git_text_hint(buf_cstr(said), w->r->url));
}

/* Take the specs of ref out of the list. False: none is of it. */
static bool drop_ref(char **argv, const char *ref)
{
	size_t len = strlen(ref), out = 0, i = 0;
	for (; argv[i]; i++)
		if (strncmp(argv[i] + 1, ref, len) != 0 || argv[i][1 + len] != ':')
			argv[out++] = argv[i];
	argv[out] = NULL;
	return out < i;
}

/* Fetch specs; those whose ref the server has not (git names one at a time) are left out. */
static int try_specs(struct git_work *w, struct launch *l, unsigned fixed_args, char *const *specs,
		     struct err *e)
{
	static const char lost[] = "couldn't find remote ref ";
	unsigned n = fixed_args;
	for (size_t i = 0; specs[i]; i++)
		l->argv[n++] = specs[i];
	l->argv[n] = NULL;
	while (l->argv[fixed_args]) {
		autobuf said = BUF(OUTPUT_MAX);
		char why[256];
		w->result.requests++;
		if (run_git(w, l, &said, e) == 0)
			return 0;
		explain(w, &said, why, sizeof why, e);
		if (!str_starts(why, lost) ||
		    !drop_ref(l->argv + fixed_args, why + sizeof lost - 1))
			return -1;
	}
	return 0;
}

static unsigned put_args(struct launch *l, const char *const *args, size_t n)
{
	for (size_t i = 0; i < n; i++)
		memcpy(&l->argv[i], &args[i], sizeof *args);
	return (unsigned)n;
}

static void put_environment(struct launch *l, const char *no_proxy)
{
	static const char *const env[] = {
		"PATH=/usr/bin:/bin",    "HOME=/nonexistent",     "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_PROTOCOL_FROM_USER=0"
	};
	unsigned m = 0;
	for (size_t i = 0; i < sizeof env / sizeof *env; i++)
		memcpy(&l->envp[m++], &env[i], sizeof *env);
	snprintf(l->config, sizeof l->config, "GIT_CONFIG_GLOBAL=/proc/self/fd/%d", l->config_fd);
	l->envp[m++] = l->config;
	snprintf(l->no_proxy, sizeof l->no_proxy, "no_proxy=%s", no_proxy);
	l->envp[m++] = l->no_proxy;
	l->envp[m] = NULL;
}

static void prepare(struct launch *l, const char *no_proxy, bool patterns, unsigned *nargs)
{
	static const char *const args[] = { "git",
					    "--git-dir=.",
					    "fetch",
					    "--no-auto-maintenance",
					    "--no-recurse-submodules",
					    "--no-write-fetch-head",
					    "--no-show-forced-updates",
					    "--progress",
					    "--force" };
	static char prune[] = "--prune", origin[] = "origin";
	unsigned n = put_args(l, args, sizeof args / sizeof *args);
	if (patterns)
		l->argv[n++] = prune;
	l->argv[n++] = origin;
	put_environment(l, no_proxy);
	*nargs = n;
}

/* "sha\tname" and "ref: name\tHEAD" lines. */
static void take_lines(struct git_work *w, const char *text)
{
	static const char symref[] = "ref: ";
	for (const char *s = text; *s;) {
		size_t n = strcspn(s, "\n"), key = strcspn(s, "\t\n");
		char name[REF_NAME_MAX];
		if (key < n && n - key < sizeof name) {
			snprintf(name, sizeof name, "%.*s", (int)(n - key - 1), s + key + 1);
			if (ref_is_sha1(s, key))
				git_listing_take(w, name, s);
			else if (str_starts(s, symref) && strcmp(name, "HEAD") == 0)
				snprintf(w->listing.head, FETCH_REF, "%.*s",
					 (int)(key - (sizeof symref - 1)), s + sizeof symref - 1);
		}
		s += n + (s[n] == '\n');
	}
}

int git_program_ask(struct git_work *w, struct err *e)
{
	char peeled[FETCH_REF + 8], any[FETCH_REF + 8], why[256];
	const char *const args[] = { "git",    "--git-dir=.", "ls-remote", "--symref",
				     "origin", any,           peeled };
	struct launch l = { .speaks = true };
	autobuf said = BUF(OUTPUT_MAX);
	snprintf(any, sizeof any, "%s", w->r->ref);
	snprintf(peeled, sizeof peeled, "%s^{}", w->r->ref);
	w->fault = SOURCES_INTERNAL;
	snprintf(w->result.engine, sizeof w->result.engine, "git");
	l.config_fd = configuration(w, e);
	autofd config = l.config_fd;
	if (config < 0)
		return -1;
	l.argv[put_args(&l, args, sizeof args / sizeof *args)] = NULL;
	put_environment(&l, w->settings->no_proxy);
	w->result.requests++;
	if (run_git(w, &l, &said, e) < 0) {
		explain(w, &said, why, sizeof why, e);
		return -1;
	}
	take_lines(w, buf_cstr(&said));
	return 0;
}

int git_program_update(struct git_work *w, const struct refspec *specs, size_t n, struct err *e)
{
	struct launch *l = calloc(1, sizeof *l);
	char **texts = calloc(n + 1, sizeof *texts);
	bool patterns = false, good = l && texts;
	unsigned nargs = 0;
	int r = -1;
	for (size_t i = 0; good && i < n; i++) {
		char name[REF_NAME_MAX + 1];
		snprintf(name, sizeof name, "%.*s", (int)specs[i].nsrc, specs[i].src);
		if (!specs[i].oid && !specs[i].glob)
			git_mirror_clear_way(w, name);
		patterns |= specs[i].glob;
		good = (texts[i] = spec_arg(&specs[i])) != NULL;
	}
	w->fault = SOURCES_INTERNAL;
	snprintf(w->result.engine, sizeof w->result.engine, "git");
	autofd config = good ? configuration(w, e) : err_set(e, ENOMEM, "git");
	if (config >= 0) {
		uint64_t before = packed_bytes(w->dir);
		l->config_fd = config;
		prepare(l, w->settings->no_proxy, patterns, &nargs);
		r = try_specs(w, l, nargs, texts, e);
		uint64_t after = packed_bytes(w->dir);
		w->result.bytes += after > before ? after - before : 0;
	}
	for (size_t i = 0; texts && i < n; i++)
		free(texts[i]);
	free(texts);
	free(l);
	return r;
}
