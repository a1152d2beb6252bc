/* The submodules of a commit that has just been written to a tree. */
#include "executor/git_checkout.h"

#include "base/fd.h"
#include "base/str.h"
#include "executor/refspec.h"

#include <git2.h>
#include <string.h>

/* A name becomes a directory below "modules": plain parts only. */
static bool name_ok(const char *name)
{
	if (!*name || *name == '-' || strlen(name) > 255 || !str_is_printable(name, strlen(name)))
		return false;
	for (const char *p = name;; p++) {
		size_t n = strcspn(p, "/");
		if (n == 0 || *p == '.' || (n == 7 && memcmp(p, "modules", 7) == 0))
			return false;
		if (memchr(p, '\\', n))
			return false;
		p += n;
		if (!*p)
			return true;
	}
}

static int field(struct buf *out, const char *text, char end, struct err *e)
{
	return str_quote(out, text, strlen(text), e) < 0 ? -1 : buf_char(out, end, e);
}

static int line(git_repository *repo, const git_index_entry *entry, struct buf *out, struct err *e)
{
	char hex[SHA1_HEX + 1];
	git_submodule *sm = NULL;
	int r = git_submodule_lookup(&sm, repo, entry->path);
	const char *name = r == 0 ? git_submodule_name(sm) : NULL;
	const char *url = r == 0 ? git_submodule_url(sm) : NULL;
	git_oid_tostr(hex, sizeof hex, &entry->id);
	if (!name || !url)
		r = 0; /* a gitlink that .gitmodules does not explain stays an empty directory */
	else if (!name_ok(name) || !str_is_printable(url, strlen(url)))
		r = err_set(e, EINVAL, "submodule at \"%.200s\": its name or address is not plain",
			    entry->path);
	else
		r = field(out, name, ' ', e) < 0 || field(out, entry->path, ' ', e) < 0 ||
				    field(out, url, ' ', e) < 0 || field(out, hex, '\n', e) < 0
			    ? -1
			    : 0;
	git_submodule_free(sm);
	git_error_clear();
	return r;
}

int git_modules_list(struct git_repository *repo, struct err *e)
{
	autobuf out = BUF(PACK_MODULES_BYTES);
	git_index *index = NULL;
	unsigned found = 0;
	if (git_repository_index(&index, repo) < 0)
		return err_set(e, EIO, "index");
	int r = 0;
	size_t n = git_index_entrycount(index);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const git_index_entry *entry = git_index_get_byindex(index, i);
		if (entry->mode != GIT_FILEMODE_COMMIT)
			continue;
		r = ++found > PACK_MODULES_MAX
			    ? err_set(e, E2BIG, "more than %d submodules", PACK_MODULES_MAX)
			    : line(repo, entry, &out, e);
	}
	git_index_free(index);
	return r < 0 ? -1 : fd_sealed("modules", buf_cstr(&out), out.len, e);
}
