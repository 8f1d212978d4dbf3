//! System calls by which a command could change how another process of its user runs, and which Landlock does not know: limits (a limit of
//! CPU time ends the server), priorities and processors. A small filter of the kernel (seccomp(2)) lets each process have them for itself
//! and answers EPERM where they name another.
//!
//! A filter sees numbers and not whose process a number is. So "itself" is the number 0, as nice, taskset, chrt, ionice, ulimit and the
//! runtimes of languages say it, or one's own group by the same 0. A process that names itself or a child of its own by its number is
//! refused as well.

use nix::errno::Errno;
use nix::libc;

/// One way to call the kernel, as `seccomp_data.arch` says it, with what its calls are numbered. A processor runs programs of an
/// older kind, too: a filter that knew one only would be walked around.
struct Abi {
    /// `AUDIT_ARCH_...` of linux/audit.h.
    arch: u32,
    /// Bits of a number that do not tell which call it is.
    ignored: u32,
    /// Whose first argument is the process.
    of_process: [u32; 5],
    setpriority: u32,
    ioprio_set: u32,
}

/// Where `seccomp_data` of linux/seccomp.h has what a filter looks at. Of an argument the lower half: the kernel reads no more of a process
/// id, and both kinds of processor are little-endian.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;
const SECOND_ARGUMENT: u32 = 24;

/// Which of setpriority(2): PRIO_PROCESS (0) and PRIO_PGRP (1). PRIO_USER is everybody of the user, the server too.
const PRIORITY_OF_MAX: u32 = 1;
/// Which of ioprio_set(2): IOPRIO_WHO_PROCESS (1) and IOPRIO_WHO_PGRP (2). IOPRIO_WHO_USER is everybody of the user.
const IO_PRIORITY_OF_MAX: u32 = 2;

/// Numbers: asm/unistd_64.h and asm/unistd_32.h; in this order prlimit64, sched_setparam, sched_setscheduler, sched_setaffinity,
/// sched_setattr.
#[cfg(target_arch = "x86_64")]
const ABIS: &[Abi] = &[
    // x32 has the same numbers, with a bit of its own.
    Abi {
        arch: 0xC000_003E,
        ignored: 0x4000_0000,
        of_process: [302, 142, 144, 203, 314],
        setpriority: 141,
        ioprio_set: 251,
    },
    Abi { arch: 0x4000_0003, ignored: 0, of_process: [340, 154, 156, 241, 351], setpriority: 97, ioprio_set: 289 },
];
/// Numbers: asm-generic/unistd.h and, of 32-bit programs, arch/arm/tools/syscall.tbl; in the order above.
#[cfg(target_arch = "aarch64")]
const ABIS: &[Abi] = &[
    Abi { arch: 0xC000_00B7, ignored: 0, of_process: [261, 118, 119, 122, 274], setpriority: 140, ioprio_set: 30 },
    Abi { arch: 0x4000_0028, ignored: 0, of_process: [369, 154, 156, 241, 380], setpriority: 97, ioprio_set: 314 },
];
/// Processors whose numbers nobody has written down here: all calls are allowed.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ABIS: &[Abi] = &[];

/// A program for the kernel, made before there is a child to enter it.
pub struct Filter(Vec<libc::sock_filter>);

impl Filter {
    /// The filter of this processor.
    pub fn new() -> Self {
        Self(program(ABIS))
    }

    /// Enters it: it holds for this thread and whatever it starts, for good. Allocates nothing. The process must have set
    /// `no_new_privs`.
    ///
    /// # Errors
    /// What the system says, such as that it has no filters.
    pub fn enter(&mut self) -> nix::Result<()> {
        let length = libc::c_ushort::try_from(self.0.len()).map_err(|_| Errno::E2BIG)?;
        let program = libc::sock_fprog { len: length, filter: self.0.as_mut_ptr() };
        // SPEC_ALLOW: builds are not to pay for mitigations that kernels before 5.16 switch on with a filter; they had none before either.
        #[expect(
            unsafe_code,
            reason = "no crate passes this flag; the kernel copies the program, which outlives the call"
        )]
        let answer = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                &raw const program,
            )
        };
        Errno::result(answer).map(drop)
    }
}

/// The instructions: for each way to call the kernel a part of its own, and what is called in another way is refused. Where no
/// way is known, all is allowed.
fn program(abis: &[Abi]) -> Vec<libc::sock_filter> {
    if abis.is_empty() {
        return vec![answer(libc::SECCOMP_RET_ALLOW)];
    }
    let mut program = vec![load(ARCH)];
    for abi in abis {
        let part = part(abi);
        let length = u8::try_from(part.len()).expect("a part has some thirty instructions");
        program.push(unless(libc::BPF_JEQ, abi.arch, length));
        program.extend(part);
    }
    program.push(answer(refused()));
    program
}

/// What is done with calls of one kind; always returns.
fn part(abi: &Abi) -> Vec<libc::sock_filter> {
    let mut part = vec![load(NUMBER)];
    if abi.ignored != 0 {
        part.push(instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, !abi.ignored));
    }
    let first = [load(FIRST_ARGUMENT), unless(libc::BPF_JEQ, 0, 1), answer(libc::SECCOMP_RET_ALLOW), answer(refused())];
    for number in abi.of_process {
        part.push(unless(libc::BPF_JEQ, number, 4));
        part.extend(first);
    }
    for (number, of_max) in [(abi.setpriority, PRIORITY_OF_MAX), (abi.ioprio_set, IO_PRIORITY_OF_MAX)] {
        part.push(unless(libc::BPF_JEQ, number, 6));
        part.extend([
            load(FIRST_ARGUMENT),
            jump(libc::BPF_JGT, of_max, 3, 0),
            load(SECOND_ARGUMENT),
            unless(libc::BPF_JEQ, 0, 1),
            answer(libc::SECCOMP_RET_ALLOW),
            answer(refused()),
        ]);
    }
    part.push(answer(libc::SECCOMP_RET_ALLOW));
    part
}

/// EPERM, which every caller knows.
fn refused() -> u32 {
    libc::SECCOMP_RET_ERRNO | Errno::EPERM as u32
}

fn load(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn answer(what: u32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, what)
}

/// Skips `n` instructions unless what was loaded compares so with `value`.
fn unless(comparison: u32, value: u32, n: u8) -> libc::sock_filter {
    jump(comparison, value, 0, n)
}

fn jump(comparison: u32, value: u32, if_so: u8, if_not: u8) -> libc::sock_filter {
    let jump = instruction(libc::BPF_JMP | comparison | libc::BPF_K, value);
    libc::sock_filter { jt: if_so, jf: if_not, ..jump }
}

fn instruction(code: u32, value: u32) -> libc::sock_filter {
    libc::sock_filter { code: u16::try_from(code).expect("codes have 16 bits"), jt: 0, jf: 0, k: value }
}

#[cfg(test)]
mod tests {
    use super::{ABIS, ARCH, Abi, FIRST_ARGUMENT, NUMBER, SECOND_ARGUMENT, libc, program, refused};

    /// A call as the kernel shows it to a filter.
    #[derive(Clone, Copy)]
    struct Call {
        arch: u32,
        number: u32,
        first: u32,
        second: u32,
    }

    /// What a program answers, as bpf(4) says it: a jump goes on behind the next instruction.
    fn run(program: &[libc::sock_filter], call: Call) -> u32 {
        let (mut at, mut loaded) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            let jump = |so: bool| usize::from(if so { step.jt } else { step.jf });
            match u32::from(step.code) {
                0x20 => {
                    loaded = match step.k {
                        NUMBER => call.number,
                        ARCH => call.arch,
                        FIRST_ARGUMENT => call.first,
                        SECOND_ARGUMENT => call.second,
                        other => panic!("nothing stands at {other}"),
                    }
                }
                0x54 => loaded &= step.k,
                0x15 => at += jump(loaded == step.k),
                0x25 => at += jump(loaded > step.k),
                0x06 => return step.k,
                other => panic!("no instruction {other:#x}"),
            }
        }
    }

    fn is_allowed(abi: &Abi, number: u32, first: u32, second: u32) -> bool {
        let answer = run(&program(ABIS), Call { arch: abi.arch, number, first, second });
        assert!(answer == libc::SECCOMP_RET_ALLOW || answer == refused(), "{answer:#x}");
        answer == libc::SECCOMP_RET_ALLOW
    }

    #[test]
    fn a_process_has_calls_for_itself_and_for_no_other_whichever_way_it_calls() {
        for abi in ABIS {
            for bit in [0, abi.ignored] {
                for number in abi.of_process {
                    assert!(is_allowed(abi, number | bit, 0, 7), "{number}");
                    for other in [1, 4711, u32::MAX] {
                        assert!(!is_allowed(abi, number | bit, other, 0), "{number} {other}");
                    }
                }
                for (number, own) in [(abi.setpriority, 0..2), (abi.ioprio_set, 1..3)] {
                    for kind in own.clone() {
                        assert!(is_allowed(abi, number | bit, kind, 0), "{number} {kind}");
                        assert!(!is_allowed(abi, number | bit, kind, 4711), "{number} {kind}");
                    }
                    // All of a user's processes, and a kind that there is not.
                    for kind in [own.end, own.end + 1, u32::MAX] {
                        assert!(!is_allowed(abi, number | bit, kind, 0), "{number} {kind}");
                    }
                }
            }
        }
    }

    #[test]
    fn all_other_calls_are_allowed_and_no_other_way_to_call() {
        for abi in ABIS {
            let watched = |number: &u32| {
                abi.of_process.contains(number) || *number == abi.setpriority || *number == abi.ioprio_set
            };
            for number in (0..1024).filter(|number| !watched(number)) {
                assert!(is_allowed(abi, number, 4711, 4711), "{number}");
            }
            let unknown = Call { arch: 0x8000_0008, number: 0, first: 0, second: 0 };
            assert_eq!(run(&program(ABIS), unknown), refused());
            assert_eq!(run(&program(&[]), unknown), libc::SECCOMP_RET_ALLOW);
        }
    }

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn the_numbers_of_this_processor_are_the_systems() {
        let mut listed = ABIS[0].of_process.to_vec();
        listed.extend([ABIS[0].setpriority, ABIS[0].ioprio_set]);
        let systems = [
            libc::SYS_prlimit64,
            libc::SYS_sched_setparam,
            libc::SYS_sched_setscheduler,
            libc::SYS_sched_setaffinity,
            libc::SYS_sched_setattr,
            libc::SYS_setpriority,
            libc::SYS_ioprio_set,
        ];
        assert_eq!(listed, systems.map(|number| u32::try_from(number).unwrap()));
    }
}
