/* `container:` and `services:` of a job. */
#include "protocol/workflow_part.h"

#include <string.h>

enum { SERVICES_MAX = 64 };

static int take_credentials(struct workflow_reading *r, const struct yaml_node *map,
			    struct job_container *ret)
{
	const struct yaml_node *v = workflow_member(map, "credentials");
	if (v && v->kind != YAML_MAP)
		return workflow_fail(r, v, "`username:` and `password:` are expected");
	if (workflow_take_text(r, v, "username", &ret->user) < 0)
		return -1;
	return workflow_take_text(r, v, "password", &ret->password);
}

/* map may be NULL. */
static int take_map(struct workflow_reading *r, const struct yaml_node *map,
		    struct job_container *ret)
{
	if (workflow_take_text(r, map, "image", &ret->image) < 0 ||
	    workflow_take_text(r, map, "options", &ret->options) < 0 ||
	    workflow_take_map(r, map, "env", &ret->env) < 0 ||
	    workflow_take_list(r, map, "ports", &ret->ports, &ret->nports) < 0 ||
	    workflow_take_list(r, map, "volumes", &ret->volumes, &ret->nvolumes) < 0)
		return -1;
	return take_credentials(r, map, ret);
}

/* An image, or a mapping with one. v NULL: there is none. */
static int take_one(struct workflow_reading *r, const struct yaml_node *v,
		    struct job_container *ret)
{
	const struct yaml_node *map = v && v->kind == YAML_MAP ? v : NULL;
	if (v && v->kind == YAML_LIST)
		return workflow_fail(r, v, "an image is expected");
	if (take_map(r, map, ret) < 0)
		return -1;
	if (v && !map)
		ret->image = (struct job_text){ v->text, v->line, v->col };
	return 0;
}

static int take_services(struct workflow_reading *r, const struct yaml_node *job)
{
	const struct yaml_node *v = workflow_member(job, "services");
	if (!v)
		return 0;
	if (v->kind != YAML_MAP)
		return workflow_refuse(r, v, "`services:` is expected to be a mapping");
	if (v->count > SERVICES_MAX)
		return workflow_fail(r, v, "there are more than 64 services");
	struct job_container *list = arena_array(r->a, v->count, sizeof *list, r->e);
	if (!list)
		return -1;
	for (size_t i = 0; i < v->count; i++) {
		const struct yaml_node *item = v->pairs[i].value;
		list[i].id = v->pairs[i].key->text;
		if (take_one(r, item->kind == YAML_NULL ? NULL : item, &list[i]) < 0)
			return -1;
		if (!list[i].image.line)
			return workflow_fail(r, v->pairs[i].key, "a service needs `image:`");
	}
	r->w->services = list;
	r->w->nservices = v->count;
	return 0;
}

int workflow_take_containers(struct workflow_reading *r, const struct yaml_node *job)
{
	const struct yaml_node *v = workflow_member(job, "container");
	r->w->container.id = "";
	if (take_one(r, v, &r->w->container) < 0)
		return -1;
	if (v && !r->w->container.image.line)
		return workflow_fail(r, v, "container is expected to name an image");
	return take_services(r, job);
}
