#include "executor/fetch_settings.h"

#include "base/fd.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { SETTINGS_MAX = 64 << 10, PEM_MAX = 8 << 20 };

static const char system_ca[] = "/etc/ssl/certs/ca-certificates.crt";

struct raw {
	const char *ca_file, *cert_file, *key_file, *proxy, *no_proxy, *max_bytes, *stall_s, *git;
};

struct key {
	const char *name;
	size_t offset;
};

#define KEY(field)                                  \
	{                                           \
#field, offsetof(struct raw, field) \
	}

static const struct key keys[] = { KEY(ca_file),  KEY(cert_file), KEY(key_file), KEY(proxy),
				   KEY(no_proxy), KEY(max_bytes), KEY(stall_s),  KEY(git) };

static int read_line(const char *line, struct arena *a, struct raw *raw, struct err *e)
{
	autobuf value = BUF(SETTINGS_MAX);
	size_t n = strcspn(line, "=");
	const char *rest = line + n + 1;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (strlen(keys[i].name) != n || strncmp(keys[i].name, line, n) != 0)
			continue;
		if (!line[n] || !str_unquote(&rest, &value) || *rest)
			break;
		const char *copy = arena_strdup(a, buf_cstr(&value), e);
		if (!copy)
			return -1;
		memcpy((char *)raw + keys[i].offset, &copy, sizeof copy);
		return 0;
	}
	return err_set(e, EINVAL, "http settings: malformed line \"%.60s\"", line);
}

static int read_raw(int fd, struct arena *a, struct raw *raw, struct err *e)
{
	autobuf text = BUF(SETTINGS_MAX);
	if (fd < 0)
		return 0;
	if (lseek(fd, 0, SEEK_SET) < 0 || fd_read_all(fd, &text, e) < 0)
		return err_wrap(e, "http settings");
	if (!text.p)
		return 0;
	char *rest = NULL;
	for (char *line = strtok_r(text.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (read_line(line, a, raw, e) < 0)
			return -1;
	return 0;
}

/* A memfd that a child inherits; its path, which also holds there. */
static const char *kept(const struct buf *content, struct arena *a, struct err *e)
{
	int fd = fd_sealed("pem", buf_cstr(content), content->len, e);
	if (fd < 0)
		return NULL;
	if (fcntl(fd, F_SETFD, 0) < 0) {
		err_sys(e, "memfd");
		return NULL;
	}
	return arena_printf(a, e, "/proc/self/fd/%d", fd);
}

static const char *load(const char *path, struct arena *a, struct err *e)
{
	autobuf pem = BUF(PEM_MAX);
	if (!path || !*path)
		return "";
	if (fd_read_file(path, &pem, e) < 0)
		return NULL;
	const char *ret = kept(&pem, a, e);
	explicit_bzero(pem.p, pem.cap);
	return ret;
}

static const char *load_ca(const char *path, struct arena *a, struct err *e)
{
	autobuf pem = BUF(PEM_MAX);
	struct err absent = { 0 };
	if (!path || !*path)
		return access(system_ca, R_OK) == 0 ? system_ca : "";
	if (fd_read_file(path, &pem, e) < 0 || buf_char(&pem, '\n', e) < 0)
		return NULL;
	(void)!fd_read_file(system_ca, &pem, &absent); /* a machine without any has only ours */
	return kept(&pem, a, e);
}

int fetch_settings_read(int fd, struct arena *a, struct fetch_settings *ret, struct err *e)
{
	struct raw raw = { .proxy = "", .no_proxy = "", .git = "/usr/bin/git" };
	struct fetch_settings s = { .max_bytes = (uint64_t)16 << 30, .stall_ms = 60000 };
	uint64_t seconds = 60;
	if (read_raw(fd, a, &raw, e) < 0)
		return -1;
	s.proxy = raw.proxy;
	s.no_proxy = raw.no_proxy;
	s.git = *raw.git && access(raw.git, X_OK) == 0 ? raw.git : "";
	if (raw.max_bytes && !str_size(raw.max_bytes, 1, &s.max_bytes))
		return err_set(e, EINVAL, "http settings: max_bytes");
	if (raw.stall_s && !str_u64(raw.stall_s, 86400, &seconds))
		return err_set(e, EINVAL, "http settings: stall_s");
	s.stall_ms = seconds * 1000;
	s.ca = load_ca(raw.ca_file, a, e);
	s.cert = s.ca ? load(raw.cert_file, a, e) : NULL;
	s.key = s.cert ? load(raw.key_file, a, e) : NULL;
	if (!s.key)
		return err_wrap(e, "http settings");
	*ret = s;
	return 0;
}
