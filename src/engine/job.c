#include "engine/job.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define RESULTS_KEPT 256
#define RUNNING_MAX  8 /* a line, and steering lines within it */

struct item {
    struct item *next;
    unsigned long ticket;
    char *line;
    bool stopped; /* of a refused one: by job_stop */
};

struct result {
    unsigned long ticket; /* 0: empty */
    struct err err;
};

struct job {
    bool (*steers)(const char *line);
    pthread_mutex_t lock; /* guards what is not atomic */
    pthread_cond_t wake;  /* for the job thread */
    pthread_cond_t done;  /* for those who wait for a result */
    struct item *first, **end;
    struct item *refused, **refused_end; /* not told of yet */
    unsigned long last_ticket;
    bool busy, poked;
    unsigned long running[RUNNING_MAX]; /* tickets taken, not finished; or 0 */
    struct result *result;              /* ring of RESULTS_KEPT */
    unsigned long results;              /* how many there were */
    atomic_bool cancel, paused, quitting;
};

struct job *job_new(bool (*steers)(const char *line))
{
    struct job *j = mem_zalloc(sizeof(*j));

    j->steers = steers;
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->wake, NULL);
    pthread_cond_init(&j->done, NULL);
    j->end = &j->first;
    j->refused_end = &j->refused;
    j->result = mem_array(RESULTS_KEPT, sizeof(j->result[0]));
    atomic_init(&j->cancel, false);
    atomic_init(&j->paused, false);
    atomic_init(&j->quitting, false);
    return j;
}

static void free_items(struct item *i)
{
    struct item *next;

    for (; i != NULL; i = next) {
        next = i->next;
        mem_free(i->line);
        mem_free(i);
    }
}

void job_free(struct job *j)
{
    if (j == NULL)
        return;
    free_items(j->first);
    free_items(j->refused);
    pthread_cond_destroy(&j->done);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    mem_free(j->result);
    mem_free(j);
}

/* Under the lock, as the functions below it. */
static void keep_result(struct job *j, unsigned long ticket,
                        const struct err *err)
{
    struct result *r = &j->result[j->results++ % RESULTS_KEPT];

    r->ticket = ticket;
    r->err = *err;
    pthread_cond_broadcast(&j->done);
}

/* Takes *link out of the queue; under the lock. */
static struct item *unlink_item(struct job *j, struct item **link)
{
    struct item *i = *link;

    *link = i->next;
    if (i->next == NULL)
        j->end = link;
    return i;
}

/* Under the lock. */
static void wake(struct job *j)
{
    j->poked = true;
    pthread_cond_signal(&j->wake);
}

/* Out of *link and to those that are to be told of; under the lock. */
static void refuse(struct job *j, struct item **link, bool stopped)
{
    struct item *i = unlink_item(j, link);
    struct err err;

    err_set(&err, ERR_CANCELLED, "%s before it began",
            stopped ? "stopped" : "taken back");
    keep_result(j, i->ticket, &err);
    i->next = NULL;
    i->stopped = stopped;
    *j->refused_end = i;
    j->refused_end = &i->next;
}

/* Under the lock. */
static void refuse_all(struct job *j)
{
    while (j->first != NULL)
        refuse(j, &j->first, true);
    wake(j);
}

unsigned long job_post(struct job *j, const char *line)
{
    struct item *i = mem_zalloc(sizeof(*i));
    unsigned long ticket;

    i->line = mem_strdup(line);
    pthread_mutex_lock(&j->lock);
    ticket = i->ticket = ++j->last_ticket;
    *j->end = i;
    j->end = &i->next;
    if (job_quitting(j))
        refuse_all(j);
    wake(j);
    pthread_mutex_unlock(&j->lock);
    return ticket;
}

static const struct result *find_result(const struct job *j,
                                        unsigned long ticket)
{
    int i;

    for (i = 0; i < RESULTS_KEPT; i++) {
        if (j->result[i].ticket == ticket)
            return &j->result[i];
    }
    return NULL;
}

static bool is_pending(const struct job *j, unsigned long ticket)
{
    const struct item *item;
    int i;

    for (i = 0; i < RUNNING_MAX; i++) {
        if (j->running[i] == ticket)
            return true;
    }
    for (item = j->first; item != NULL; item = item->next) {
        if (item->ticket == ticket)
            return true;
    }
    return false;
}

/* Puts ticket in the place of old. */
static void swap_running(struct job *j, unsigned long old, unsigned long ticket)
{
    int i;

    for (i = 0; i < RUNNING_MAX; i++) {
        if (j->running[i] == old) {
            j->running[i] = ticket;
            return;
        }
    }
}

unsigned long job_answer(struct job *j)
{
    struct err done = {.code = ERR_OK};
    unsigned long ticket;

    pthread_mutex_lock(&j->lock);
    ticket = ++j->last_ticket;
    keep_result(j, ticket, &done);
    pthread_mutex_unlock(&j->lock);
    return ticket;
}

enum err_code job_wait(struct job *j, unsigned long ticket, struct err *err)
{
    const struct result *r;

    pthread_mutex_lock(&j->lock);
    while ((r = find_result(j, ticket)) == NULL && is_pending(j, ticket))
        pthread_cond_wait(&j->done, &j->lock);
    if (r != NULL)
        *err = r->err;
    else
        err_set(err, ERR_MISSING, "the result of line %lu is forgotten",
                ticket);
    pthread_mutex_unlock(&j->lock);
    return err->code;
}

bool job_busy(struct job *j)
{
    bool busy;

    pthread_mutex_lock(&j->lock);
    busy = j->busy || j->first != NULL;
    pthread_mutex_unlock(&j->lock);
    return busy;
}

void job_stop(struct job *j)
{
    pthread_mutex_lock(&j->lock);
    if (j->busy)
        atomic_store(&j->cancel, true);
    refuse_all(j);
    pthread_mutex_unlock(&j->lock);
}

int job_waiting(struct job *j, char *first, char *last, size_t size)
{
    const struct item *i;
    int count = 0;

    *first = *last = '\0';
    pthread_mutex_lock(&j->lock);
    for (i = j->first; i != NULL; i = i->next) {
        if (j->steers(i->line))
            continue;
        if (count++ == 0)
            snprintf(first, size, "%s", i->line);
        snprintf(last, size, "%s", i->line);
    }
    pthread_mutex_unlock(&j->lock);
    return count;
}

/* The first or the last line that waits, or NULL; under the lock. */
static struct item **find_waiting(struct job *j, bool first)
{
    struct item **link, **found = NULL;

    for (link = &j->first; *link != NULL; link = &(*link)->next) {
        if (!j->steers((*link)->line)) {
            found = link;
            if (first)
                break;
        }
    }
    return found;
}

int job_take_back(struct job *j, bool all)
{
    struct item **link;
    int count = 0;

    pthread_mutex_lock(&j->lock);
    while ((all || count == 0) && (link = find_waiting(j, all)) != NULL) {
        refuse(j, link, false);
        count++;
    }
    wake(j);
    pthread_mutex_unlock(&j->lock);
    return count;
}

void job_poke(struct job *j)
{
    pthread_mutex_lock(&j->lock);
    wake(j);
    pthread_mutex_unlock(&j->lock);
}

void job_pause(struct job *j, bool on)
{
    pthread_mutex_lock(&j->lock);
    if (j->busy || !on)
        atomic_store(&j->paused, on);
    wake(j);
    pthread_mutex_unlock(&j->lock);
}

bool job_paused(struct job *j)
{
    return atomic_load(&j->paused);
}

void job_quit(struct job *j)
{
    pthread_mutex_lock(&j->lock);
    atomic_store(&j->quitting, true);
    atomic_store(&j->cancel, true);
    refuse_all(j);
    pthread_mutex_unlock(&j->lock);
}

bool job_quitting(const struct job *j)
{
    return atomic_load(&j->quitting);
}

const atomic_bool *job_cancel_flag(const struct job *j)
{
    return &j->cancel;
}

void job_clear_cancel(struct job *j)
{
    if (!job_quitting(j))
        atomic_store(&j->cancel, false);
}

/* Under the lock. */
static void begin(struct job *j)
{
    j->busy = true;
    atomic_store(&j->paused, false);
    job_clear_cancel(j);
}

static char *take_line(struct job *j, struct item *i, unsigned long *ticket)
{
    char *line = i->line;

    *ticket = i->ticket;
    swap_running(j, 0, i->ticket);
    mem_free(i);
    return line;
}

char *job_next(struct job *j, unsigned long *ticket)
{
    char *line = NULL;

    pthread_mutex_lock(&j->lock);
    if (j->first != NULL) {
        line = take_line(j, unlink_item(j, &j->first), ticket);
        begin(j);
    }
    pthread_mutex_unlock(&j->lock);
    return line;
}

void job_begin(struct job *j)
{
    pthread_mutex_lock(&j->lock);
    begin(j);
    pthread_mutex_unlock(&j->lock);
}

void job_idle(struct job *j)
{
    pthread_mutex_lock(&j->lock);
    j->busy = false;
    atomic_store(&j->paused, false);
    pthread_mutex_unlock(&j->lock);
}

char *job_next_steering(struct job *j, unsigned long *ticket)
{
    struct item **link;
    char *line = NULL;

    pthread_mutex_lock(&j->lock);
    for (link = &j->first; *link != NULL; link = &(*link)->next) {
        if (j->steers((*link)->line)) {
            line = take_line(j, unlink_item(j, link), ticket);
            break;
        }
    }
    pthread_mutex_unlock(&j->lock);
    return line;
}

char *job_next_refused(struct job *j, bool *stopped)
{
    struct item *i;
    char *line = NULL;

    pthread_mutex_lock(&j->lock);
    i = j->refused;
    if (i != NULL) {
        j->refused = i->next;
        if (i->next == NULL)
            j->refused_end = &j->refused;
        line = i->line;
        *stopped = i->stopped;
        mem_free(i);
    }
    pthread_mutex_unlock(&j->lock);
    return line;
}

void job_finish(struct job *j, unsigned long ticket, const struct err *result)
{
    pthread_mutex_lock(&j->lock);
    swap_running(j, ticket, 0);
    keep_result(j, ticket, result);
    pthread_mutex_unlock(&j->lock);
}

void job_sleep(struct job *j)
{
    pthread_mutex_lock(&j->lock);
    while (!j->poked)
        pthread_cond_wait(&j->wake, &j->lock);
    j->poked = false;
    pthread_mutex_unlock(&j->lock);
}
