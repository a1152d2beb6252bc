#include "runner/system_id.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/sha256.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { RANDOM = 12, MACHINE_ID_MAX = 64 };

static const char FILE_NAME[] = ".runner_system_id";
static const char LETTERS[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static bool is_good(const char *id)
{
	if (strlen(id) != SYSTEM_ID_SIZE - 1)
		return false;
	if (str_starts(id, "s_"))
		return strspn(id + 2, "0123456789abcdef") == RANDOM;
	return str_starts(id, "r_") && strspn(id + 2, LETTERS) == RANDOM;
}

void system_id_derive(const char *machine_id, char ret[SYSTEM_ID_SIZE])
{
	uint8_t mac[SHA256_SIZE];
	sha256_hmac(machine_id, "gitlab-runner", mac);
	snprintf(ret, SYSTEM_ID_SIZE, "s_%02x%02x%02x%02x%02x%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
}

static void random_id(char ret[SYSTEM_ID_SIZE])
{
	memcpy(ret, "r_", 2);
	for (unsigned i = 0; i < RANDOM; i++)
		ret[2 + i] = LETTERS[clock_jitter(sizeof LETTERS - 1)];
	ret[SYSTEM_ID_SIZE - 1] = '\0';
}

/* The first line of b, cut to size. */
static void first_line(const struct buf *b, char *ret, size_t size)
{
	size_t n = strcspn(buf_cstr(b), "\r\n");
	snprintf(ret, size, "%.*s", (int)(n < size ? n : size - 1), buf_cstr(b));
}

static bool machine_id(char ret[MACHINE_ID_MAX])
{
	static const char *const paths[] = { "/etc/machine-id", "/var/lib/dbus/machine-id" };
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct err ignored = { 0 };
		autobuf b = BUF(4 << 10);
		if (fd_read_file(paths[i], &b, &ignored) < 0)
			continue;
		first_line(&b, ret, MACHINE_ID_MAX);
		/* an image that was never booted says "uninitialized", or nothing: all copies alike */
		if (*ret && strspn(ret, "0123456789abcdef") == strlen(ret))
			return true;
	}
	return false;
}

static bool kept_id(int dir, char ret[SYSTEM_ID_SIZE])
{
	struct err ignored = { 0 };
	char line[SYSTEM_ID_SIZE + 1];
	autobuf b = BUF(4 << 10);
	autofd fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fd_read_all(fd, &b, &ignored) < 0)
		return false;
	first_line(&b, line, sizeof line);
	if (!is_good(line))
		return false;
	memcpy(ret, line, SYSTEM_ID_SIZE);
	return true;
}

int system_id_load(int dir, char ret[SYSTEM_ID_SIZE], struct err *e)
{
	char machine[MACHINE_ID_MAX];
	if (kept_id(dir, ret))
		return 0;
	if (machine_id(machine))
		system_id_derive(machine, ret);
	else
		random_id(ret);
	autobuf b = BUF(64);
	if (buf_str(&b, ret, e) < 0 || fd_replace_file(dir, FILE_NAME, 0600, &b, e) < 0)
		return err_wrap(e, "system id");
	return 0;
}
