#include "executor/workflow_container.h"

#include "base/str.h"
#include "executor/workflow_value.h"
#include "sandbox/spec.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum { PORT_MAX = 65535 };

/* What `network` of job.container and job.services is. */
static const char network[] = "job";

/* --- texts ---------------------------------------------------------------------------------------- */

/* "80" of "8080:80", "8080" or "" in *ret_outside; copy is cut. */
static const char *split_port(char *copy, const char **ret_outside)
{
	char *within = strrchr(copy, ':');
	*ret_outside = "";
	if (!within)
		return copy;
	*within = '\0';
	const char *address = strrchr(copy, ':');
	*ret_outside = address ? address + 1 : copy;
	return within + 1;
}

static bool protocol_ok(const char *s)
{
	return !*s || strcmp(s, "/tcp") == 0 || strcmp(s, "/udp") == 0;
}

int workflow_port_parse(const char *text, struct workflow_port *ret, struct err *e)
{
	char copy[64] = "";
	const char *outside;
	uint64_t inside, host = 0;
	size_t n = strcspn(text, "/");
	if (n < sizeof copy)
		memcpy(copy, text, n);
	bool ok = str_u64(split_port(copy, &outside), PORT_MAX, &inside) && inside &&
		  (!*outside || str_u64(outside, PORT_MAX, &host));
	if (!ok || !protocol_ok(text + n))
		return err_set(e, EINVAL, "\"%.80s\" is no port like 8080:80", text);
	*ret = (struct workflow_port){ (unsigned)(host ? host : inside), (unsigned)inside,
				       strcmp(text + n, "/udp") == 0 };
	return 0;
}

/* Of docker's volumes: letters, digits, '_', '.', '-'. */
static bool name_ok(const char *s)
{
	if (!isalnum((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_.-", *s))
			return false;
	return true;
}

int workflow_volume_parse(const char *text, struct arena *a, const char **ret_name,
			  const char **ret_path, struct err *e)
{
	size_t n = strcspn(text, ":");
	const char *path = text[n] ? text + n + 1 : text;
	char *name = arena_strndup(a, text, text[n] ? n : 0, e);
	char *clean = arena_strndup(a, path, strcspn(path, ":"), e);
	if (!name || !clean)
		return -1;
	for (size_t len = strlen(clean); len > 1 && clean[len - 1] == '/'; len--)
		clean[len - 1] = '\0';
	if (*name && !name_ok(name))
		return err_set(e, EINVAL,
			       "\"%.120s\": a directory of this machine is not shown in containers",
			       text);
	if (!sandbox_path_ok(clean))
		return err_set(e, EINVAL, "\"%.120s\" is no place for a volume", text);
	*ret_name = name;
	*ret_path = clean;
	return 0;
}

/* --- one ------------------------------------------------------------------------------------------ */

static int place(const struct workflow *x, const struct job_text *t, struct err *e)
{
	return err_wrap(e, "the value at line %u, column %u of %.200s", t->line, t->col, x->place);
}

static int take_image(struct workflow *x, const struct job_container *c,
		      struct workflow_container *ret, struct err *e)
{
	static const char scheme[] = "docker://";
	const char *name = workflow_text(x, &c->image, e);
	if (!name)
		return -1;
	if (strcmp(name, "Object") == 0) {
		err_set(e, EOPNOTSUPP, "an expression that gives a mapping is not supported");
		return place(x, &c->image, e);
	}
	name += str_starts(name, scheme) ? sizeof scheme - 1 : 0;
	ret->image = (struct job_image){ .name = name, .platform = "", .user = "", .alias = c->id };
	return 0;
}

static int take_login(struct workflow *x, const struct job_container *c,
		      struct workflow_container *ret, struct err *e)
{
	const char *user = workflow_text(x, &c->user, e);
	const char *password = user ? workflow_text(x, &c->password, e) : NULL;
	const char *name = ret->image.name;
	size_t n = strcspn(name, "/");
	if (!password)
		return -1;
	bool named = name[n] && (memchr(name, '.', n) || memchr(name, ':', n) ||
				 str_starts(name, "localhost/"));
	const char *host = named ? arena_strndup(x->a, name, n, e) : "docker.io";
	ret->login = (struct job_credential){ "registry", host, user, password };
	return host ? 0 : -1;
}

static int add_volume(struct workflow_container *to, const char *text, struct arena *a,
		      struct err *e)
{
	if (to->nvolumes == WORKFLOW_VOLUMES)
		return err_set(e, E2BIG, "volumes: more than %d", WORKFLOW_VOLUMES);
	if (workflow_volume_parse(text, a, &to->volume_names[to->nvolumes],
				  &to->volumes[to->nvolumes], e) < 0)
		return err_wrap(e, "volumes");
	to->nvolumes++;
	return 0;
}

static int take_volumes(struct workflow *x, const struct job_container *c,
			struct workflow_container *ret, struct err *e)
{
	for (size_t i = 0; i < c->nvolumes; i++) {
		const char *text = workflow_text(x, &c->volumes[i], e);
		if (!text)
			return -1;
		if (add_volume(ret, text, x->a, e) < 0)
			return place(x, &c->volumes[i], e);
	}
	for (size_t i = 0; i < ret->options.nvolumes; i++)
		if (add_volume(ret, ret->options.volumes[i], x->a, e) < 0)
			return place(x, &c->options, e);
	return 0;
}

static int take_ports(struct workflow *x, const struct job_container *c,
		      struct workflow_container *ret, struct err *e)
{
	for (size_t i = 0; i < c->nports; i++) {
		const char *text = workflow_text(x, &c->ports[i], e);
		if (!text)
			return -1;
		if (ret->nports == WORKFLOW_PORTS)
			err_set(e, E2BIG, "ports: more than %d", WORKFLOW_PORTS);
		else if (workflow_port_parse(text, &ret->ports[ret->nports], e) == 0)
			ret->nports++;
		if (e->code)
			return place(x, &c->ports[i], e);
	}
	return 0;
}

/* Its own above those that its options have. */
static int take_env(struct workflow *x, const struct job_container *c,
		    struct workflow_container *ret, struct err *e)
{
	const struct container_options *o = &ret->options;
	struct job_var *vars = arena_array(x->a, o->nenv + c->env.n + 1, sizeof *vars, e);
	size_t n = 0;
	if (!vars)
		return -1;
	for (size_t i = 0; i < o->nenv; i++)
		vars[n++] = o->env[i];
	for (size_t i = 0; i < c->env.n; i++) {
		const char *value = workflow_text(x, &c->env.pairs[i].value, e);
		if (!value)
			return -1;
		vars[n++] = (struct job_var){ .key = c->env.pairs[i].key,
					      .value = value,
					      .raw = true };
	}
	for (size_t i = 0; !*c->id && i < n; i++)
		if (workflow_add_env(x, vars[i].key, vars[i].value, e) < 0)
			return -1;
	ret->image.vars = vars;
	ret->image.nvars = *c->id ? n : 0;
	return 0;
}

static int take_options(struct workflow *x, const struct job_container *c,
			struct workflow_container *ret, struct err *e)
{
	struct container_options *o = &ret->options;
	const char *text = workflow_text(x, &c->options, e);
	if (!text)
		return -1;
	if (container_options_parse(text, x->a, o, e) < 0)
		return place(x, &c->options, e);
	ret->image.user = o->user;
	ret->image.platform = o->platform;
	ret->image.has_entrypoint = o->has_entrypoint;
	ret->image.entrypoint = &o->entrypoint;
	ret->image.nentrypoint = o->has_entrypoint;
	for (size_t i = 0; i < o->nnames; i++) {
		ret->image.alias = arena_printf(x->a, e, "%s %s", ret->image.alias, o->names[i]);
		if (!ret->image.alias)
			return -1;
	}
	return 0;
}

int workflow_container(struct workflow *x, const struct job_container *c,
		       struct workflow_container *ret, struct err *e)
{
	*ret = (struct workflow_container){ .id = c->id };
	if (take_image(x, c, ret, e) < 0)
		return -1;
	if (!*ret->image.name)
		return 0;
	if (take_options(x, c, ret, e) < 0 || take_login(x, c, ret, e) < 0 ||
	    take_env(x, c, ret, e) < 0 || take_ports(x, c, ret, e) < 0)
		return -1;
	return take_volumes(x, c, ret, e);
}

/* --- contexts ------------------------------------------------------------------------------------- */

static struct expr_value *described(struct workflow *x, const struct workflow_container *c,
				    struct err *e)
{
	struct expr_value *v = expr_object_new(x->a, e);
	const char *id = *c->id ? c->id : "job";
	if (!v || workflow_put_text(x, v, "id", id, e) < 0 ||
	    workflow_put_text(x, v, "network", network, e) < 0)
		return NULL;
	return v;
}

static int put_ports(struct workflow *x, const struct workflow_container *c, struct expr_value *to,
		     struct err *e)
{
	struct expr_value *ports = expr_object_new(x->a, e);
	for (size_t i = 0; ports && i < c->nports; i++) {
		char inside[STR_NUM], host[STR_NUM];
		const char *key = arena_strdup(x->a, str_num(inside, c->ports[i].inside), e);
		if (!key ||
		    workflow_put_text(x, ports, key, str_num(host, c->ports[i].host), e) < 0)
			return -1;
	}
	return workflow_put(x, to, "ports", ports, e);
}

static int put_service(struct workflow *x, const struct workflow_container *c,
		       struct expr_value *all, struct err *e)
{
	if (!*c->image.name)
		return 0;
	struct expr_value *v = described(x, c, e);
	if (!v || put_ports(x, c, v, e) < 0)
		return -1;
	return workflow_put(x, all, c->id, v, e);
}

int workflow_put_containers(struct workflow *x, const struct workflow_container *own,
			    const struct workflow_container *services, size_t n, struct err *e)
{
	struct expr_value *all = expr_object_new(x->a, e);
	if (!all)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (put_service(x, &services[i], all, e) < 0)
			return -1;
	x->all->services = n ? all : NULL;
	x->all->container = own ? described(x, own, e) : NULL;
	if (own && !x->all->container)
		return -1;
	return workflow_put_job(x, e);
}
