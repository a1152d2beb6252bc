/* The runner's own lines in a job's log: what they mean, not how they look. How they look is the
 * forge's markup (struct forge_job in executor/forge.h). */
#ifndef EXECUTOR_SAY_H
#define EXECUTOR_SAY_H

enum say_style {
	SAY_PLAIN,
	SAY_TITLE,   /* a stage begins */
	SAY_NOTICE,  /* went well */
	SAY_WARNING, /* worth knowing */
	SAY_ERROR,   /* why the job fails */
};

/* One line without its newline. It is redacted before it is seen. */
typedef void say_fn(void *arg, enum say_style style, const char *line);

#endif
