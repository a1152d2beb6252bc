#include "executor/sources_modules.h"

#include "base/fd.h"
#include "base/str.h"
#include "executor/remote_url.h"
#include "executor/sources_talk.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 10, PATH_BYTES = 4096 };

struct module {
	struct buf name, path, url, sha;
};

static void module_done(struct module *m)
{
	buf_done(&m->name);
	buf_done(&m->path);
	buf_done(&m->url);
	buf_done(&m->sha);
}

/* name path url sha, quoted, and a newline. *line is moved behind it. */
static bool read_module(const char **line, struct module *m)
{
	struct buf *fields[] = { &m->name, &m->path, &m->url, &m->sha };
	for (size_t i = 0; i < sizeof fields / sizeof(struct buf *); i++) {
		*fields[i] = (struct buf)BUF(PATH_BYTES);
		if (!str_unquote(line, fields[i]) || !**line)
			return false;
		++*line;
	}
	return true;
}

/* path is the pathspec itself or below it. */
static bool below(const char *spec, const char *path)
{
	size_t n = strlen(spec);
	while (n && spec[n - 1] == '/')
		n--;
	return n && strncmp(path, spec, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool wanted(const struct sources_plan *p, const char *path)
{
	static const char exclude[] = ":(exclude)";
	bool in = p->nmodule_paths == 0;
	for (size_t i = 0; i < p->nmodule_paths; i++) {
		const char *spec = p->module_paths[i];
		if (str_starts(spec, exclude) && below(spec + sizeof exclude - 1, path))
			return false;
		in |= below(spec, path);
	}
	return in;
}

static int fetch_module(struct sources_job *s, const struct module *m, const char *url,
			struct fetch_result *ret, struct err *e)
{
	static const char *const refspecs[] = { "+refs/heads/*:refs/remotes/origin/*",
						"+refs/tags/*:refs/tags/*" };
	const struct job_sources *own = s->from;
	bool ours = remote_url_same_origin(own->url, url);
	struct fetch_request r = {
		.url = url,
		.user = ours ? own->user : "",
		.token = ours ? own->token : "",
		.sha = buf_cstr(&m->sha),
		.object_format = "sha1",
		.refspecs = refspecs,
		.nrefspecs = sizeof refspecs / sizeof *refspecs,
	};
	return sources_fetch(s, &r, ret, e);
}

static int join(struct buf *out, const char *a, const char *mid, const struct buf *b, struct err *e)
{
	return buf_printf(out, e, "%s%s%s", a, *a ? mid : "", buf_cstr(b));
}

static int pack_module(struct sources_job *s, int packer, const struct pack_checkout *c,
		       struct pack_result *ret, struct err *e)
{
	automsg m;
	pack_put_checkout(&m, c);
	return sources_pack(s, packer, &m, ret, e);
}

static int one_module(struct sources_job *s, int packer, const struct sources_repo *in,
		      const struct module *m, struct err *e)
{
	autobuf url = BUF(PATH_BYTES), gitdir = BUF(PATH_BYTES), worktree = BUF(PATH_BYTES);
	struct fetch_result got = FETCH_RESULT;
	struct pack_result packed = PACK_RESULT;
	if (remote_url_resolve(in->url, buf_cstr(&m->url), s->plan->force_https, &url, e) < 0 ||
	    join(&gitdir, in->gitdir, "/modules/", &m->name, e) < 0 ||
	    join(&worktree, in->worktree, "/", &m->path, e) < 0)
		return sources_fail(s, SOURCES_CONFIG);
	if (fetch_module(s, m, buf_cstr(&url), &got, e) < 0)
		return -1;
	autofd refs = got.refs, store = got.store;
	struct pack_checkout c = {
		.tree = s->tree,
		.parent = in->gitdir,
		.name = buf_cstr(&m->name),
		.worktree = buf_cstr(&worktree),
		.alternates = "",
		.sha = buf_cstr(&m->sha),
		.url = buf_cstr(&url),
		.clean = s->plan->clean,
		.state = s->tree_kept ? PACK_KEPT : PACK_FRESH,
		.files = true,
		.modules = s->plan->modules == MODULES_RECURSIVE,
		.refs = refs,
		.store = store,
	};
	if (pack_module(s, packer, &c, &packed, e) < 0)
		return -1;
	autofd list = packed.modules;
	sources_say(s, SAY_PLAIN, "Submodule path '%s': checked out '%s'", buf_cstr(&worktree),
		    buf_cstr(&m->sha));
	struct sources_repo inner = { buf_cstr(&gitdir), buf_cstr(&worktree), buf_cstr(&url),
				      in->depth + 1 };
	return list < 0 ? 0 : sources_modules_get(s, packer, &inner, list, e);
}

int sources_modules_get(struct sources_job *s, int packer, const struct sources_repo *in, int list,
			struct err *e)
{
	autobuf text = BUF(PACK_MODULES_BYTES);
	if (lseek(list, 0, SEEK_SET) < 0 || fd_read_all(list, &text, e) < 0)
		return sources_fail(s, SOURCES_INTERNAL);
	if (text.len && in->depth == DEPTH_MAX) {
		err_set(e, ELOOP, "submodules more than %d deep", DEPTH_MAX);
		return sources_fail(s, SOURCES_CONFIG);
	}
	int r = 0;
	for (const char *line = buf_cstr(&text); r == 0 && *line;) {
		struct module m = { 0 };
		if (!read_module(&line, &m)) {
			err_set(e, EPROTO, "malformed list of submodules");
			r = sources_fail(s, SOURCES_INTERNAL);
		} else if (in->depth || wanted(s->plan, buf_cstr(&m.path))) {
			r = one_module(s, packer, in, &m, e);
			if (r < 0)
				err_wrap(e, "submodule %s", buf_cstr(&m.path));
		}
		module_done(&m);
	}
	return r;
}
