// SPDX-License-Identifier: Apache-2.0
// format_sanitize: FORMAT UNIT and SANITIZE (SBC-3 5.3, 5.24, 4.11). Both run on the device's own thread and survive
// aborts and resets of the command that began them; meanwhile the gate answers NOT READY with the progress.
#include "commands.hpp"

#include "command.hpp"

#include <cerrno>
#include <memory>

namespace scst::vdisk {
namespace {

constexpr std::size_t piece_size = 1u << 20;

enum class sanitize_action : std::uint8_t {
    overwrite = 0x01,
    block_erase = 0x02,
    crypto_erase = 0x03,
    exit_failure = 0x1f
};

// What the long work is.
struct work {
    device *dev = nullptr;
    std::vector<std::uint8_t> pattern; // a whole number of blocks; empty: unmap
    std::uint32_t passes = 1;
    bool invert = false;
    bool unmap = false;
    std::uint32_t gate = gate_formatting;
};

std::uint64_t device_bytes(const device &dev) noexcept {
    return dev.block_count() << dev.block_shift();
}

int unmap_all(const work &job, background &progress) {
    const std::uint64_t all = device_bytes(*job.dev);
    const std::uint64_t step = std::max<std::uint64_t>(all / 100, std::uint64_t{64} << 20);
    for (std::uint64_t at = 0; at < all; at += std::min(step, all - at)) {
        if (progress.stopping())
            return -ECANCELED;
        const std::uint64_t piece = std::min(step, all - at);
        int result = job.dev->backing()->unmap(at, piece);
        if (result == -EOPNOTSUPP)
            result = job.dev->backing()->write_zeroes(at, piece);
        if (result != 0)
            return result;
        progress.progress_is(at + piece, all);
    }
    return job.dev->backing()->flush();
}

int overwrite_once(const work &job, std::span<std::uint8_t> pattern, std::uint64_t before, std::uint64_t whole,
                   background &progress) {
    const std::uint64_t all = device_bytes(*job.dev);
    for (std::uint64_t at = 0; at < all;) {
        if (progress.stopping())
            return -ECANCELED;
        const auto piece = pattern.first(std::min<std::uint64_t>(pattern.size(), all - at));
        if (const int result = job.dev->backing()->write(at, piece, false); result != 0)
            return result;
        at += piece.size();
        progress.progress_is(before + at, whole);
    }
    return job.dev->backing()->flush();
}

int overwrite_all(work &job, background &progress) {
    const std::uint64_t all = device_bytes(*job.dev);
    // The null device keeps nothing: there is nothing to overwrite.
    if ((job.dev->backend().flags & SCST_BLOCK_NO_CONTENT) != 0)
        return 0;
    for (std::uint32_t pass = 0; pass < job.passes; ++pass) {
        if (const int result = overwrite_once(job, job.pattern, all * pass, all * job.passes, progress); result != 0)
            return result;
        if (job.invert) {
            for (std::uint8_t &byte : job.pattern)
                byte = static_cast<std::uint8_t>(~byte);
        }
    }
    return 0;
}

void end_work(device &dev, std::uint32_t gate, int result) {
    if (result != 0)
        dev.log().error("%s failed: %s", gate == gate_formatting ? "FORMAT UNIT" : "SANITIZE", std::strerror(-result));
    if (result != 0 && gate == gate_sanitizing)
        dev.close_gate(gate_sanitize_failed);
    dev.open_gate(gate);
    if (scst_cmd *waiting = dev.job().finish(); waiting != nullptr) {
        if (result != 0)
            fail_io(dev, *waiting, result, true);
        dev.core().cmd_done(waiting);
    }
}

std::int32_t begin(device &dev, scst_cmd &cmd, work job, bool immediate) {
    job.dev = &dev;
    const std::uint32_t gate = job.gate;
    dev.close_gate(gate);
    // std::function wants to copy: the work is shared.
    const auto shared = std::make_shared<work>(std::move(job));
    const auto run = [shared](background &progress) {
        return shared->unmap ? unmap_all(*shared, progress) : overwrite_all(*shared, progress);
    };
    const auto ended = [&dev, gate](int result) { end_work(dev, gate, result); };
    if (!dev.job().start(immediate ? nullptr : &cmd, run, ended)) {
        dev.open_gate(gate);
        dev.core().cmd_set_busy(&cmd);
        return SCST_EXEC_DONE;
    }
    return immediate ? SCST_EXEC_DONE : SCST_EXEC_PENDING;
}

// The parameter list of FORMAT UNIT (SBC-3 5.3.2); SCST_EXEC_PENDING: it is right.
std::int32_t check_format_list(device &dev, scst_cmd &cmd, bool &immediate) {
    const bool long_list = (cmd.cdb[1] & 0x20) != 0;
    const parameter_list<8> list{cmd};
    const auto bytes = list.bytes();
    if (bytes.size() < 4)
        return fail(dev, cmd, sense::list_length_error);
    immediate = (bytes[1] & 0x02) != 0;
    if ((bytes[1] & 0x08) != 0) // IP: initialization patterns
        return invalid_list(dev, cmd, 1, 3);
    if ((bytes[0] & 0x07) != 0) // protection field usage
        return invalid_list(dev, cmd, 0, 0);
    if (long_list && bytes.size() < 8)
        return invalid_cdb(dev, cmd, 1, 5);
    if (long_list && bytes[3] != 0) // P_I_INFORMATION, PROTECTION INTERVAL EXPONENT
        return invalid_list(dev, cmd, 3, 4);
    const std::size_t length_at = long_list ? 4 : 2;
    const std::uint32_t defects = long_list ? load_be32(bytes.data() + length_at) : load_be16(bytes.data() + length_at);
    if (defects != 0) // there are no defects to add
        return invalid_list(dev, cmd, static_cast<std::uint32_t>(length_at));
    return SCST_EXEC_PENDING;
}

// The parameter list of SANITIZE OVERWRITE (SBC-3 table 66). False and sense when it is wrong.
bool read_overwrite_list(device &dev, scst_cmd &cmd, work &job) {
    const std::uint32_t length = load_be16(cmd.cdb + 7);
    if (length < 5 || length > dev.block_size() + 4) {
        invalid_cdb(dev, cmd, 7);
        return false;
    }
    const auto list = std::make_unique<parameter_list<65'540>>(cmd);
    const auto bytes = list->bytes();
    if (bytes.size() < length) {
        fail(dev, cmd, sense::list_length_error);
        return false;
    }
    const std::uint32_t passes = bytes[0] & 0x1f;
    const std::size_t pattern = load_be16(bytes.data() + 2);
    // SBC-3 wants INVALID FIELD IN CDB for all of these.
    if (passes == 0 || pattern == 0 || pattern > dev.block_size() || pattern + 4 > length) {
        invalid_cdb(dev, cmd, 7);
        return false;
    }
    job.passes = passes;
    job.invert = (bytes[0] & 0x80) != 0;
    job.pattern.resize(std::max<std::size_t>(piece_size, dev.block_size()));
    for (std::size_t at = 0; at < job.pattern.size(); ++at) // the pattern starts anew with each block
        job.pattern[at] = bytes[4 + (at & (dev.block_size() - 1)) % pattern];
    return true;
}

std::int32_t erase(device &dev, scst_cmd &cmd, bool immediate) {
    if (load_be16(cmd.cdb + 7) != 0)
        return invalid_cdb(dev, cmd, 7);
    work job;
    job.gate = gate_sanitizing;
    job.unmap = true;
    return begin(dev, cmd, std::move(job), immediate);
}

std::int32_t overwrite(device &dev, scst_cmd &cmd, bool immediate) {
    work job;
    job.gate = gate_sanitizing;
    if (!read_overwrite_list(dev, cmd, job))
        return SCST_EXEC_DONE;
    return begin(dev, cmd, std::move(job), immediate);
}

std::int32_t exit_failure_mode(device &dev, scst_cmd &cmd) {
    if (load_be16(cmd.cdb + 7) != 0)
        return invalid_cdb(dev, cmd, 7);
    dev.open_gate(gate_sanitize_failed);
    return SCST_EXEC_DONE;
}

// True when SANITIZE can't begin now; sense is set.
bool refused_now(device &dev, scst_cmd &cmd) {
    const std::uint32_t gate = dev.gate();
    if ((gate & (gate_formatting | gate_sanitizing)) != 0) {
        const sense_code code = (gate & gate_formatting) != 0 ? sense::format_in_progress : sense::sanitize_in_progress;
        dev.core().cmd_set_sense_progress(&cmd, code.key, code.asc, code.ascq, dev.job().progress());
    } else if ((gate & (gate_closed | gate_ejected)) != 0) {
        fail(dev, cmd, sense::no_medium);
    } else {
        return false;
    }
    return true;
}

} // namespace

std::int32_t format_unit(device &dev, scst_cmd &cmd) {
    const bool with_list = (cmd.cdb[1] & 0x10) != 0; // FMTDATA
    if ((cmd.cdb[1] & 0xc0) != 0)                    // FMTPINFO: no device has protection information
        return invalid_cdb(dev, cmd, 1, 6);
    bool immediate = false;
    if (with_list) {
        if (const std::int32_t answer = check_format_list(dev, cmd, immediate); answer != SCST_EXEC_PENDING)
            return answer;
    }
    if (!dev.thin()) // nothing to initialise: the blocks keep what they hold, as after SCST's FORMAT UNIT
        return SCST_EXEC_DONE;
    work job;
    job.unmap = true;
    return begin(dev, cmd, std::move(job), immediate);
}

std::int32_t sanitize(device &dev, scst_cmd &cmd) {
    const bool immediate = (cmd.cdb[1] & 0x80) != 0;
    if (refused_now(dev, cmd))
        return SCST_EXEC_DONE;
    if ((cmd.cdb[1] & 0x40) != 0) // reserved; a command that destroys everything takes no chances
        return invalid_cdb(dev, cmd, 1, 6);
    for (std::uint32_t byte = 2; byte < 7; ++byte) {
        if (cmd.cdb[byte] != 0)
            return invalid_cdb(dev, cmd, byte);
    }
    switch (static_cast<sanitize_action>(cmd.cdb[1] & 0x1f)) {
    case sanitize_action::overwrite:
        return overwrite(dev, cmd, immediate);
    case sanitize_action::block_erase:
    case sanitize_action::crypto_erase: // the key of a plain file is its allocation
        return erase(dev, cmd, immediate);
    case sanitize_action::exit_failure:
        return exit_failure_mode(dev, cmd);
    }
    return invalid_cdb(dev, cmd, 1, 0);
}

} // namespace scst::vdisk
