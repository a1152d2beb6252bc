#include "runner/slot_profile.h"

#include "base/fd.h"
#include "runner/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 8 << 10, LISTS_MAX = 1 << 20 };

static const char facts_name[] = "facts"; /* in the job's directory */

/* Of a job that profiles fit. */
struct slot_profile {
	struct arena arena;
	struct slot_options options;
	char text[SLOT_PROFILE_TEXT];
};

static int say(const struct profile_choice *c, const struct config_runner *from, char *out,
	       size_t size, struct err *e)
{
	autobuf b = BUF(TEXT_MAX), weaker = BUF(TEXT_MAX);
	if (buf_str(&b, "Profiles: ", e) < 0 || profile_names(c, &b, e) < 0 ||
	    profile_weaker(c, from, &weaker, e) < 0)
		return -1;
	if (weaker.len && buf_printf(&b, e, "; they give more than the registration itself: %s",
				     buf_cstr(&weaker)) < 0)
		return -1;
	snprintf(out, size, "%.*s\n", (int)size - 2, buf_cstr(&b));
	return 0;
}

static int choose(struct slot *s, const struct profile_facts *f, struct slot_profile *own,
		  struct err *e)
{
	const struct slot_options *o = s->options;
	struct profile_choice c;
	own->arena = (struct arena)ARENA(LISTS_MAX);
	own->options = *o;
	const struct profile_asked q = { o->config, o->from, f };
	if (profile_choose(&q, &own->arena, &c, e) < 0)
		return -1;
	slot_options_rights(&own->options, &c.rights);
	return say(&c, o->from, own->text, sizeof own->text, e);
}

static int choose_now(struct slot *s, const struct profile_facts *f, struct err *e)
{
	struct slot_profile *own = calloc(1, sizeof *own);
	if (!own)
		return err_set(e, ENOMEM, "out of memory");
	if (choose(s, f, own, e) < 0) {
		arena_done(&own->arena);
		free(own);
		return err_wrap(e, "profiles");
	}
	s->profile = own;
	s->options = &own->options;
	return 0;
}

static int keep(const struct slot *s, const struct profile_facts *f, struct err *e)
{
	autobuf b = BUF(FACTS_MAX);
	if (facts_write(f, &b, e) < 0)
		return err_wrap(e, "labels");
	autofd fd = openat(s->dir, facts_name,
			   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, "%s", facts_name);
	return fd_write_all(fd, b.p, b.len, e);
}

static bool is_asked(const struct slot *s)
{
	return !s->profile && s->options && s->options->from && profile_is_asked(s->options->from);
}

int slot_profile_choose(struct slot *s, const struct profile_facts *f, struct err *e)
{
	if (!is_asked(s))
		return 0;
	return keep(s, f, e) < 0 ? -1 : choose_now(s, f, e);
}

int slot_profile_again(struct slot *s, struct err *e)
{
	autobuf b = BUF(FACTS_MAX);
	if (!is_asked(s))
		return 0;
	autofd fd = openat(s->dir, facts_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "%s", facts_name);
	if (fd_read_all(fd, &b, e) < 0)
		return -1;
	struct profile_facts f;
	return facts_read(buf_cstr(&b), &f, e) < 0 ? -1 : choose_now(s, &f, e);
}

const char *slot_profile_text(const struct slot *s)
{
	return s->profile ? s->profile->text : "";
}

void slot_profile_done(struct slot *s)
{
	if (!s->profile)
		return;
	arena_done(&s->profile->arena);
	free(s->profile);
	s->profile = NULL;
	s->options = NULL;
}
