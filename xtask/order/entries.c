/* Which functions of a program are entered while it runs: a breakpoint at the beginning of each, which goes away when it is met.
 *
 *   entries PROGRAM FUNCTIONS OUT ARGUMENT...     FUNCTIONS: lines of "hexadecimal-address name"; OUT: the names that were met are added to it, in the order of their first use
 *
 * For `cargo xtask order` on x86-64 Linux. The program must be position-independent, as ours is; its children are left alone. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

struct function { unsigned long at; unsigned char byte; int met; char *name; };
static struct function *functions;
static size_t count;

static int by_address(const void *a, const void *b) {
    unsigned long x = ((const struct function *)a)->at, y = ((const struct function *)b)->at;
    return x < y ? -1 : x > y;
}

static void fail(const char *what) { perror(what); exit(1); }

static void read_functions(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    size_t room = 0;
    char *line = NULL;
    size_t length = 0;
    while (getline(&line, &length, file) > 0) {
        char *end;
        unsigned long at = strtoul(line, &end, 16);
        if (*end != ' ') continue;
        end[strcspn(end, "\n")] = 0;
        if (count == room) functions = realloc(functions, (room = room ? room * 2 : 4096) * sizeof *functions);
        functions[count++] = (struct function){ at, 0, 0, strdup(end + 1) };
    }
    fclose(file);
    qsort(functions, count, sizeof *functions, by_address);
}

/* Where the program was put. */
static unsigned long base_of(pid_t pid, const char *program) {
    char path[64], line[4096];
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *maps = fopen(path, "r");
    if (!maps) fail(path);
    unsigned long base = 0;
    while (!base && fgets(line, sizeof line, maps))
        if (strstr(line, program)) base = strtoul(line, NULL, 16);
    fclose(maps);
    return base;
}

static struct function *find(unsigned long at) {
    struct function key = { .at = at };
    return bsearch(&key, functions, count, sizeof *functions, by_address);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    char program[4096];
    if (!realpath(argv[1], program)) fail(argv[1]);
    read_functions(argv[2]);
    FILE *out = fopen(argv[3], "a");
    if (!out) fail(argv[3]);
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        char **arguments = argv + 3;
        arguments[0] = program;
        execv(program, arguments);
        _exit(127);
    }
    int status;
    if (waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status)) fail("exec");
    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
    unsigned long base = base_of(child, program);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", child);
    int memory = open(path, O_RDWR);
    if (memory < 0) fail(path);
    for (size_t i = 0; i < count; i++) {
        struct function *f = &functions[i];
        /* Functions that are the same have one place, and one breakpoint. */
        if (i && f[-1].at == f->at) { f->at = f[-1].at; f->byte = f[-1].byte; continue; }
        unsigned char stop = 0xcc;
        if (pread(memory, &f->byte, 1, base + f->at) != 1) fail("read");
        if (pwrite(memory, &stop, 1, base + f->at) != 1) fail("write");
    }
    ptrace(PTRACE_CONT, child, 0, 0);
    for (;;) {
        pid_t thread = waitpid(-1, &status, __WALL);
        if (thread < 0) break;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (thread == child) break;
            continue;
        }
        int signal = WSTOPSIG(status);
        if (signal == SIGTRAP && status >> 16 == 0) {
            struct user_regs_struct registers;
            ptrace(PTRACE_GETREGS, thread, 0, &registers);
            struct function *f = find(registers.rip - 1 - base);
            if (f) {
                if (!f->met) {
                    f->met = 1;
                    if (pwrite(memory, &f->byte, 1, base + f->at) != 1) fail("write");
                    fprintf(out, "%s\n", f->name);
                }
                registers.rip -= 1;
                ptrace(PTRACE_SETREGS, thread, 0, &registers);
                signal = 0;
            }
        } else if (signal == SIGTRAP || signal == SIGSTOP) {
            signal = 0;
        }
        ptrace(PTRACE_CONT, thread, 0, signal);
    }
    fclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
