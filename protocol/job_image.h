/* What a job says about its image, its services, and who may have them. Promises as in job.h. */
#ifndef PROTOCOL_JOB_IMAGE_H
#define PROTOCOL_JOB_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

struct job_var;

/* The strings are as the forge sent them: not yet expanded. */
struct job_image {
	const char *name; /* "" when the job asks for none */
	const char *platform, *user;
	const char *const *entrypoint, *const *policies; /* pull policies, in order */
	size_t nentrypoint, npolicies;
	bool has_entrypoint; /* it outweighs the image's, even if it is empty */
	/* of a service */
	const char *alias;          /* more names of it, with commas or spaces between */
	const char *const *command; /* it outweighs the image's if there is any */
	const struct job_var *vars; /* beside the job's public ones */
	size_t ncommand, nvars;
};

/* How the job may use a server: of the type "registry", its user and password there. */
struct job_credential {
	const char *type, *url, *user, *password;
};

#endif
