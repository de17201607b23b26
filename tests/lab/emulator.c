/* SPDX-License-Identifier: GPL-2.0-or-later */
/* emulator: joins TUN devices in pairs of network namespaces by links with a rate, a queue, delay, jitter and loss.
 *
 * How it works: each path is a TUN device in each of two namespaces and a linkmodel for each direction. One loop: sleep
 * until a packet comes in, a line of commands, or the next packet is due; write what is due, read what came. Times are
 * the model's, not the loop's: a late wake-up makes packets late, it does not slow the link, and how late they were is
 * counted. Where the kernel allows, the loop has real-time priority, because a link does not wait for a processor
 * either; sleeps below WAKE_GAP are not made, so that a fast link costs few wake-ups. Commands come by standard input,
 * answers go to standard output; the end of input ends the program.
 *
 * With a link above 200 Mbit/s interrupts are moderated, as a network card does it: MODERATION after a turn there is no
 * other. What comes in or out meanwhile is later by that at most, and a turn finds several packets. Else the wake-ups
 * alone, two for each batch of packets, would take most of a processor from the daemons that are measured.
 *
 * What it leaves out: addresses, MTU and the devices' being up are the caller's to set. */
#include "tests/lab/emulator.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "os/tun.h"

#define WAKE_GAP (40 * NS_PER_US)    /**< ns between wake-ups at least */
#define MODERATION (150 * NS_PER_US) /**< ns: sleep after each turn, with a fast link */
#define LINE_MAX_BYTES 2048u         /**< of a command */
#define TUN_QUEUE 8192               /**< packets that the kernel keeps for us in a device */

/** Lines from standard input. */
struct input {
    char text[LINE_MAX_BYTES]; /**< what has come of a line */
    size_t length;             /**< bytes of it */
};

/** Where the program is; quit is set by a command or the end of input. */
struct loop {
    struct emulator emulator; /**< the paths */
    struct input input;       /**< commands */
    bool quit;                /**< end after this turn */
};

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...) {
    va_list arguments;

    fputs("emulator: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

/* --- devices
 * ---------------------------------------------------------------------------------------------------------- */

/** Make a TUN device in a namespace. @return its file descriptor */
static int tun_in(const char *ns, const char *device, int home) {
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
    char file[256];
    int netns, fd, sock;
    bool uso;

    snprintf(file, sizeof file, "%s%s", strchr(ns, '/') != NULL ? "" : "/run/netns/", ns);
    netns = open(file, O_RDONLY | O_CLOEXEC);
    if (netns < 0)
        fail("there is no namespace %s: %s", ns, strerror(errno));
    if (setns(netns, CLONE_NEWNET) != 0)
        fail("cannot enter the namespace %s: %s", ns, strerror(errno));
    close(netns);
    fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (strlen(device) >= sizeof request.ifr_name || *device == 0)
        fail("%s is not a name for a device", device);
    memcpy(request.ifr_name, device, strlen(device));
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0 || tun_agree_offloads(fd, &uso) != 0)
        fail("cannot make the device %s in %s: %s", device, ns, strerror(errno));
    request.ifr_qlen = TUN_QUEUE;
    sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sock < 0 || ioctl(sock, SIOCSIFTXQLEN, &request) != 0)
        fail("cannot lengthen the queue of %s: %s", device, strerror(errno));
    close(sock);
    if (setns(home, CLONE_NEWNET) != 0)
        fail("cannot return from the namespace %s: %s", ns, strerror(errno));
    return fd;
}

/** Make a path of "NAME=NS1:DEV1,NS2:DEV2". */
static void path_init(struct emulator *emulator, char *text, int home, uint64_t seed) {
    struct path *path = &emulator->path[emulator->count];
    char *name = strsep(&text, "="), *ns1, *device1, *ns2, *device2;
    int first, second;

    ns1 = strsep(&text, ":");
    device1 = strsep(&text, ",");
    ns2 = strsep(&text, ":");
    device2 = text;
    if (ns1 == NULL || device1 == NULL || ns2 == NULL || device2 == NULL)
        fail("%s is not NAME=NS1:DEV1,NS2:DEV2", name);
    if (emulator->count == EMULATOR_PATHS_MAX)
        fail("more than %u paths", EMULATOR_PATHS_MAX);
    if (strlen(name) >= sizeof path->name || *name == 0)
        fail("'%s' is not a name for a path: from 1 to %zu letters", name, sizeof path->name - 1);
    for (unsigned i = 0; i < emulator->count; i++)
        if (strcmp(emulator->path[i].name, name) == 0)
            fail("two paths are called %s", name);
    memcpy(path->name, name, strlen(name) + 1);
    first = tun_in(ns1, device1, home);
    second = tun_in(ns2, device2, home);
    if (direction_init(&path->up, first, second, seed * 1000 + emulator->count * 2) != 0 ||
        direction_init(&path->down, second, first, seed * 1000 + emulator->count * 2 + 1) != 0)
        fail("no memory");
    emulator->count++;
}

/* --- commands
 * --------------------------------------------------------------------------------------------------------- */

static void obey(struct loop *loop, char *line, uint64_t now) {
    if (command_run(&loop->emulator, line, now, stdout) == 1)
        loop->quit = true;
    fflush(stdout);
}

/** Take what standard input has. */
static void take_input(struct loop *loop, uint64_t now) {
    struct input *input = &loop->input;
    ssize_t got = read(STDIN_FILENO, input->text + input->length, sizeof input->text - 1 - input->length);
    char *end;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        loop->quit = true;
        return;
    }
    input->length += (size_t)got;
    input->text[input->length] = 0;
    while (!loop->quit && (end = strchr(input->text, '\n')) != NULL) {
        *end = 0;
        obey(loop, input->text, now);
        input->length -= (size_t)(end + 1 - input->text);
        memmove(input->text, end + 1, input->length + 1);
    }
    if (input->length == sizeof input->text - 1)
        fail("a command longer than %zu bytes", sizeof input->text - 2);
}

/* --- the loop
 * --------------------------------------------------------------------------------------------------------- */

/** The directions one after another: up and down of each path. */
static struct direction *direction(struct emulator *emulator, unsigned i) {
    return i % 2 == 0 ? &emulator->path[i / 2].up : &emulator->path[i / 2].down;
}

/** @return how long to sleep at most, from now */
static struct timespec sleep_time(struct emulator *emulator, uint64_t now) {
    uint64_t next = now + NS_PER_SEC;

    for (unsigned i = 0; i < 2 * emulator->count; i++) {
        uint64_t due = linkmodel_next(&direction(emulator, i)->model);

        if (due < next)
            next = due;
    }
    if (next < now + WAKE_GAP)
        next = now + WAKE_GAP;
    return (struct timespec){.tv_sec = (time_t)((next - now) / NS_PER_SEC),
                             .tv_nsec = (long)((next - now) % NS_PER_SEC)};
}

/** What a fast link gets or has ready meanwhile wakes nobody. */
static void nap(const struct emulator *emulator) {
    const struct timespec gap = {.tv_nsec = MODERATION};
    bool fast = false;

    for (unsigned i = 0; i < emulator->count; i++)
        fast |= direction_is_fast(&emulator->path[i].up) || direction_is_fast(&emulator->path[i].down);
    if (fast)
        nanosleep(&gap, NULL);
}

static void run(struct loop *loop) {
    struct pollfd fds[1 + 2 * EMULATOR_PATHS_MAX] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    struct emulator *emulator = &loop->emulator;
    unsigned count = 2 * emulator->count;
    bool more = false;

    for (unsigned i = 0; i < count; i++)
        fds[1 + i] = (struct pollfd){.fd = direction(emulator, i)->in, .events = POLLIN};
    while (!loop->quit) {
        struct timespec timeout = more ? (struct timespec){0} : sleep_time(emulator, clock_now());
        int ready = ppoll(fds, 1 + count, &timeout, NULL);
        uint64_t now = clock_now();

        if (ready < 0 && errno != EINTR)
            fail("ppoll: %s", strerror(errno));
        more = false;
        for (unsigned i = 0; i < count; i++)
            direction_write(direction(emulator, i), now);
        for (unsigned i = 0; i < count && ready > 0; i++)
            if (fds[1 + i].revents & POLLIN)
                more |= direction_read(direction(emulator, i), now);
        if (ready > 0 && fds[0].revents != 0)
            take_input(loop, now);
        nap(emulator);
    }
}

static void usage(FILE *file) {
    fputs("Usage: emulator [-s SEED] [-x COMMAND]... NAME=NS1:DEV1,NS2:DEV2...\n"
          "Make TUN devices in network namespaces and join each pair by an emulated link; up is from the first to the "
          "second.\n"
          "  -s SEED     of chance: loss, jitter (default 1)\n"
          "  -x COMMAND  carry it out at the start\n"
          "  -h          print this\n"
          "Commands, one a line, also from standard input, each answered by \"ok\" or \"error\" and a reason; its end "
          "ends the program:\n"
          "  set PATH up|down|both KEY=VALUE...   stats PATH   reset PATH   quit\n"
          "Settings:\n",
          file);
    settings_help(file);
}

/** Commands of the command line; one that fails ends the program. */
static void run_first(struct loop *loop, char *const *commands, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        char answer[512] = "";
        FILE *file = fmemopen(answer, sizeof answer - 1, "w");
        int r = file != NULL ? command_run(&loop->emulator, commands[i], clock_now(), file) : -ENOMEM;

        if (file != NULL)
            fclose(file);
        if (r < 0)
            fail("-x: %.*s", (int)strcspn(answer, "\n"), answer);
        loop->quit |= r == 1;
    }
}

/** Go before those who started us, even if they have real-time priority. @return whether the kernel allows it */
static bool before_all_others(void) {
    struct sched_param priority = {0};

    sched_getparam(0, &priority);
    priority.sched_priority++;
    return sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
}

int main(int argc, char **argv) {
    static struct loop loop;
    char *commands[64], *end;
    unsigned count = 0;
    uint64_t seed = 1;
    int option, home;

    while ((option = getopt(argc, argv, "s:x:h")) != -1) {
        switch (option) {
        case 's':
            seed = strtoull(optarg, &end, 10);
            if (*optarg == 0 || *end != 0)
                fail("%s is not a seed", optarg);
            break;
        case 'x':
            if (count == sizeof commands / sizeof *commands)
                fail("too many commands");
            commands[count++] = optarg;
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return 2;
        }
    }
    if (optind == argc) {
        usage(stderr);
        return 2;
    }
    home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    for (; optind < argc; optind++)
        path_init(&loop.emulator, argv[optind], home, seed);
    run_first(&loop, commands, count);
    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
    printf("ready %s real-time priority\n", before_all_others() ? "with" : "without");
    fflush(stdout);
    run(&loop);
    return 0;
}
