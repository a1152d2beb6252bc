#include "executor/worker_flow_image.h"

#include "executor/worker_flow_process.h"

#include <errno.h>
#include <string.h>

enum { EVENT_MAX = 16 << 20, FLAGS = VAR_PUBLIC | VAR_RAW };

/* An image that is here. */
struct action_image {
	struct worker_image image;
	struct job_image asked;
	struct action_image *next;
};

/* --- the image ------------------------------------------------------------------------------------ */

static int code_of(enum ending ending)
{
	static const struct {
		enum ending ending;
		int code;
	} rows[] = {
		{ ENDING_IMAGE, EREMOTEIO },
		{ ENDING_REGISTRY, EHOSTUNREACH },
		{ ENDING_INFRA, EIO },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].ending == ending)
			return rows[i].code;
	return EINVAL;
}

static struct action_image *add(struct worker *w, const char *name, struct err *e)
{
	struct action_image *a = arena_new(&w->arena, struct action_image, e);
	enum ending ending;
	if (!a)
		return NULL;
	a->asked = (struct job_image){ .name = name, .platform = "", .user = "", .alias = "" };
	a->image = (struct worker_image){ .asked = &a->asked, .hold = -1 };
	if (worker_image_name(w, &a->image, "", e) < 0)
		return NULL;
	if (worker_image_have(w, &a->image, &ending, e) < 0) {
		e->code = e->code == ECANCELED ? ECANCELED : code_of(ending);
		err_wrap(e, "image %.120s", name);
		return NULL;
	}
	a->next = w->services.actions;
	w->services.actions = a;
	return a;
}

const struct worker_image *flow_image_get(struct worker *w, const char *name, struct err *e)
{
	struct action_image *a = w->services.actions;
	while (a && strcmp(a->asked.name, name) != 0)
		a = a->next;
	if (!a)
		a = add(w, name, e);
	return a ? &a->image : NULL;
}

/* --- its sandbox ---------------------------------------------------------------------------------- */

static int open_box(struct worker *w, const struct worker_image *image, struct worker_box *b,
		    struct err *e)
{
	struct gate_service g = {
		.layers = worker_image_layers(w, image, e),
		.user = worker_image_user(image),
		.aliases = w->services.aliases,
		.folders = "",
		.action = 1,
	};
	*b = (struct worker_box){
		.image = image,
		.init = -1,
		.pidfd = -1,
		.src = { .fd = -1 },
		.refused = { .fd = -1 },
		.opened = { .fd = -1 },
	};
	usage_init(&b->usage);
	if (!usage_by_cgroup(&w->box.usage))
		b->usage.memory_max = w->box.usage.memory_max;
	if (!g.layers || worker_box_beside(w, &g, &b->init, &b->pidfd, e) < 0)
		return -1;
	return worker_box_begin(w, b, e);
}

/* The event, and from then on what the action and the runner say to each other. */
static int put_files(struct flow_step *s, struct worker_box *b, struct err *e)
{
	autobuf event = BUF(EVENT_MAX);
	b->files_dir = GATE_ACTION_EVENT;
	if (workflow_event(s->x, &event, e) < 0 ||
	    worker_box_file(s->f->w, "event.json", buf_cstr(&event), event.len, e) < 0 ||
	    worker_box_files_wait(s->f->w, e) < 0)
		return -1;
	b->files_dir = GATE_ACTION_FILES;
	return 0;
}

/* What is elsewhere in there. */
static int set_places(struct flow_step *s, struct err *e)
{
	static const char *const rows[][2] = {
		{ "HOME", GATE_ACTION_HOME },
		{ "GITHUB_WORKSPACE", GATE_ACTION_TREE },
		{ "GITHUB_EVENT_PATH", GATE_ACTION_EVENT "/event.json" },
		{ "RUNNER_TEMP", GATE_ACTION_TEMP },
		{ "RUNNER_WORKSPACE", GATE_ACTION_TREE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (vars_set(s->vars, rows[i][0], rows[i][1], FLAGS, e) < 0)
			return -1;
	return 0;
}

/* --- all of it ------------------------------------------------------------------------------------ */

/* Words that are the step's failure, unless they are the machine's. */
static int fail(struct flow_step *s, const struct err *why, struct err *e)
{
	enum ending ending = worker_uses_ending(why->code);
	if (ending == ENDING_INFRA) {
		*e = *why;
		return -1;
	}
	s->end.stopped = s->end.stopped || ending == ENDING_CANCELLED;
	if (!s->end.stopped)
		flow_fail(s, ending, "%s", why->msg);
	return 0;
}

/* In the sandbox, where w->here is. */
static int run(struct flow_step *s, const struct flow_image *i, const struct worker_image *image,
	       struct err *e)
{
	const char *argv[SANDBOX_ARGS + 1];
	struct err why = { 0 };
	struct flow_command c = { .argv = argv, .cwd = GATE_ACTION_TREE, .bare = true };
	if (put_files(s, s->f->w->here, e) < 0)
		return -1;
	if (flow_step_env(s, &why) < 0 || i->variables(s, i->arg, &why) < 0 ||
	    set_places(s, &why) < 0 || worker_image_command(image, argv, &why) < 0)
		return fail(s, &why, e);
	return flow_process(s, &c, e);
}

int flow_image_run(struct flow_step *s, const struct flow_image *i, struct err *e)
{
	struct worker *w = s->f->w;
	struct worker_box b;
	struct err why = { 0 };
	const struct worker_image *known = flow_image_get(w, i->name, &why);
	if (!known)
		return fail(s, &why, e);
	struct worker_image image = *known;
	struct job_image asked = *known->asked;
	asked.has_entrypoint = i->entrypoint.n > 0;
	asked.entrypoint = i->entrypoint.list;
	asked.nentrypoint = i->entrypoint.n;
	asked.command = i->args.list;
	asked.ncommand = i->args.n;
	image.asked = &asked;
	int r = open_box(w, &image, &b, &why);
	if (r < 0) {
		r = fail(s, &why, e);
	} else {
		w->here = &b;
		r = run(s, i, &image, e);
		w->here = &w->box;
	}
	worker_box_end(w, &b);
	return r;
}
