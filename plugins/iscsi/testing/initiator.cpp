// SPDX-License-Identifier: Apache-2.0
#include "testing/initiator.hpp"

#include "pdu/digest.hpp"

#include <scst/bytes.hpp>
#include <scst/plugin.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace scstd::iscsi::testing {

std::uint32_t received_pdu::word(std::size_t at) const noexcept {
    return scst::load_be32(&header[at]);
}
std::uint16_t received_pdu::login_status() const noexcept {
    return scst::load_be16(&header[36]);
}
std::uint32_t received_pdu::sense() const noexcept {
    if (data.size() < 2 + 14)
        return 0;
    return (std::uint32_t{data[2 + 2]} << 16) | (std::uint32_t{data[2 + 12]} << 8) | data[2 + 13];
}
std::string received_pdu::text() const {
    std::string shown(data.begin(), data.end());
    std::replace(shown.begin(), shown.end(), '\0', '|');
    return shown;
}

request_pdu &request_pdu::word(std::size_t at, std::uint32_t value) {
    scst::store_be32(&header[at], value);
    return *this;
}
request_pdu &request_pdu::half(std::size_t at, std::uint16_t value) {
    scst::store_be16(&header[at], value);
    return *this;
}

bytes pattern(std::size_t size, std::uint8_t seed) {
    bytes made(size);
    for (std::size_t i = 0; i < size; ++i)
        made[i] = static_cast<std::uint8_t>(seed + i * 13 + i / 251);
    return made;
}

rig::rig() {
    scst_error error{};
    error.struct_size = sizeof error;
    void *self = nullptr;
    if (scst_plugin_entry()->init(core.table(), nullptr, &self, &error) != 0)
        throw std::runtime_error{error.text};
    owner.reset(static_cast<driver *>(self));
    owner->enabled = true;
    void *stored = nullptr;
    if (owner->add_target(core.target_handle(), target_name, nullptr, 0, &stored, &error) != 0)
        throw std::runtime_error{error.text};
    port = static_cast<target *>(stored);
    port->enable(true);
    core.run();
}

rig::~rig() {
    core.hold_buffers = core.hold_execution = false;
    core.release_registration();
    core.release_management();
    core.release_unregistration();
    core.on_reactor([this] {
        std::vector<void *> all;
        for (std::size_t i = 0; i < core.sessions(); ++i)
            all.push_back(core.session_data(i));
        for (void *one : all)
            core.driver()->close_session(one);
    });
    owner->remove_target(*port);
    owner->begin_stop();
    core.run();
    if (!owner->stopped()) {
        std::fputs("something of the driver has stayed alive\n", stderr);
        std::abort();
    }
}

void rig::set(const char *name, const char *value) {
    scst_error error{};
    error.struct_size = sizeof error;
    if (port->set_parameter(name, value, &error) != 0)
        throw std::runtime_error{error.text};
}

initiator::initiator(rig &with) : rig_{with} {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        throw std::runtime_error{"socketpair"};
    socket_ = ends[0];
    const int size = 512 * 1024;
    ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    const address local = address::parse("127.0.0.1:3260").value();
    with.owner->accepted(unique_fd{ends[1]}, address::parse("127.0.0.2:40000").value(), local);
    with.core.run();
}

initiator::~initiator() {
    ::close(socket_);
    rig_.core.run();
}

bytes initiator::wire(const request_pdu &pdu) const {
    bytes out(pdu.header.begin(), pdu.header.end());
    out[4] = static_cast<std::uint8_t>(pdu.ahs.size() / 4);
    scst::store_be24(&out[5], static_cast<std::uint32_t>(pdu.data.size()));
    out.insert(out.end(), pdu.ahs.begin(), pdu.ahs.end());
    if (header_digest) {
        std::uint8_t digest[digest_size];
        store_digest(digest, crc32c_of(out.data(), out.size()));
        out.insert(out.end(), digest, digest + digest_size);
    }
    if (pdu.data.empty())
        return out;
    bytes segment = pdu.data;
    segment.resize(segment.size() + padding_of(static_cast<std::uint32_t>(segment.size())));
    if (data_digest) {
        std::uint8_t digest[digest_size];
        store_digest(digest, crc32c_of(segment.data(), segment.size()));
        segment.insert(segment.end(), digest, digest + digest_size);
    }
    out.insert(out.end(), segment.begin(), segment.end());
    return out;
}

void initiator::send_raw(const bytes &what) {
    std::size_t sent = 0;
    for (int idle = 0; sent < what.size() && idle < 3;) {
        const ssize_t part = ::send(socket_, what.data() + sent, what.size() - sent, MSG_NOSIGNAL);
        if (part > 0)
            sent += static_cast<std::size_t>(part);
        else if (part < 0 && errno != EAGAIN)
            return; // closed meanwhile: the test looks at that
        idle = part > 0 ? 0 : idle + 1;
        pump();
    }
}

void initiator::send(const request_pdu &pdu) {
    send_raw(wire(pdu));
}

void initiator::pump() {
    for (bool more = true; more;) {
        rig_.core.run();
        more = false;
        std::uint8_t piece[65536];
        while (reading) {
            const ssize_t got = ::recv(socket_, piece, sizeof piece, MSG_DONTWAIT);
            if (got <= 0) {
                eof_ = eof_ || got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
                break;
            }
            in_.insert(in_.end(), piece, piece + got);
            more = true;
        }
    }
}

bool initiator::nothing() {
    pump();
    return in_.empty();
}

bool initiator::closed() {
    pump();
    return eof_ && in_.empty();
}

received_pdu initiator::receive() {
    pump();
    received_pdu pdu;
    if (in_.size() < bhs_size)
        throw std::runtime_error{eof_ ? "the connection was closed" : "no PDU has come"};
    std::copy_n(in_.begin(), bhs_size, pdu.header.begin());
    const std::uint32_t length = scst::load_be24(&pdu.header[5]);
    std::size_t at = bhs_size;
    if (header_digest) {
        if (crc32c_of(in_.data(), bhs_size) != load_digest(in_.data() + at))
            throw std::runtime_error{"wrong header digest"};
        at += digest_size;
    }
    const std::size_t padded = length + padding_of(length);
    if (in_.size() < at + padded + (data_digest && length != 0 ? digest_size : 0))
        throw std::runtime_error{"half a PDU has come"};
    pdu.data.assign(in_.begin() + static_cast<std::ptrdiff_t>(at),
                    in_.begin() + static_cast<std::ptrdiff_t>(at + length));
    if (data_digest && length != 0) {
        if (crc32c_of(in_.data() + at, padded) != load_digest(in_.data() + at + padded))
            throw std::runtime_error{"wrong data digest"};
        at += digest_size;
    }
    at += padded;
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(at));
    return pdu;
}

received_pdu initiator::drop() {
    try {
        return receive();
    } catch (const std::runtime_error &) {
        in_.clear();
        return {};
    }
}

request_pdu initiator::login_pdu(std::uint8_t flags, std::string_view keys) {
    request_pdu pdu{opcode::login_request, flags};
    pdu.immediate().half(8, static_cast<std::uint16_t>(isid >> 32)).word(10, static_cast<std::uint32_t>(isid));
    pdu.half(14, tsih).word(16, itt).half(20, cid).word(24, cmd_sn);
    pdu.data.assign(keys.begin(), keys.end());
    std::replace(pdu.data.begin(), pdu.data.end(), std::uint8_t{'|'}, std::uint8_t{0});
    return pdu;
}

received_pdu initiator::login(std::uint8_t flags, std::string_view keys) {
    send(login_pdu(flags, keys));
    return receive();
}

received_pdu initiator::login_full(std::string_view more_keys) {
    std::string keys = "InitiatorName=" + name + "|TargetName=" + rig::target_name + '|';
    keys += more_keys;
    const received_pdu answer = login(0x87, keys);
    if (answer.login_status() != 0 || (answer.flags() & 0x83) != 0x83)
        throw std::runtime_error{"the login failed"};
    const std::string text = answer.text();
    header_digest = text.find("HeaderDigest=CRC32C") != std::string::npos;
    data_digest = text.find("DataDigest=CRC32C") != std::string::npos;
    return answer;
}

request_pdu initiator::command(std::uint8_t flags, std::uint32_t expected_length, const bytes &cdb) {
    request_pdu pdu{opcode::scsi_command, flags};
    pdu.word(16, ++itt).word(20, expected_length).word(24, cmd_sn++);
    std::copy(cdb.begin(), cdb.end(), pdu.header.begin() + 32);
    return pdu;
}

request_pdu initiator::read10(std::uint32_t lba, std::uint16_t blocks, std::uint32_t expected_length) {
    bytes cdb(16);
    cdb[0] = 0x28;
    scst::store_be32(&cdb[2], lba);
    scst::store_be16(&cdb[7], blocks);
    return command(0xc1, expected_length, cdb);
}

request_pdu initiator::write10(std::uint32_t lba, std::uint16_t blocks, std::uint32_t expected_length, bool final,
                               bytes data) {
    bytes cdb(16);
    cdb[0] = 0x2a;
    scst::store_be32(&cdb[2], lba);
    scst::store_be16(&cdb[7], blocks);
    return command(final ? 0xa1 : 0x21, expected_length, cdb).with(std::move(data));
}

request_pdu initiator::data_out(std::uint32_t task, std::uint32_t ttt, std::uint32_t sn, std::uint32_t offset,
                                bool final, bytes data) const {
    request_pdu pdu{opcode::data_out, final ? std::uint8_t{0x80} : std::uint8_t{0}};
    return pdu.word(16, task).word(20, ttt).word(36, sn).word(40, offset).with(std::move(data));
}

} // namespace scstd::iscsi::testing
