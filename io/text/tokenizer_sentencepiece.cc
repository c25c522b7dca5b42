// tokenizer_sentencepiece.cc: SentencePiece's library behind the interface of tokenizers. The pieces of its model are
// the ids. The one C++ file of grus, and left out where the library is not there: no exception leaves it.
#include "config.h"

#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <sentencepiece_processor.h>

extern "C" {
#include "base/error.h"
#include "base/path.h"
#include "io/file.h"
#include "io/text/tokenizer_type.h"
}

using sentencepiece::SentencePieceProcessor;

static const size_t model_max = size_t{1} << 30; // bytes

// A text longer than this by each id that may be kept is refused, so that what SentencePiece takes is bounded: some 240
// bytes for a piece (0.1.97), of which NFKC makes at most 18 of three bytes of text (U+FDFA).
static const size_t text_per_id = 8, memory_per_byte = 240 * 18 / 3;

static const SentencePieceProcessor *processor_of(const grus_tokenizer *tokenizer)
{
    return static_cast<const SentencePieceProcessor *>(tokenizer->own);
}

// Does the work; what it throws becomes an error of this status. bytes are what the work was about.
template <class Work>
static grus_status guarded(grus_status status, const char *path, const char *place, size_t bytes, grus_error *error,
                           Work work)
{
    try {
        return work();
    } catch (const std::bad_alloc &) {
        return grus_fail_memory(error, bytes);
    } catch (const std::exception &exception) {
        return grus_fail(error, status, path, place, "SentencePiece fails: %s", exception.what());
    }
}

static grus_status load(grus_tokenizer *tokenizer, const char *path, const grus_buffer *content, grus_error *error)
{
    return guarded(GRUS_E_MODEL, path, nullptr, content->size, error, [&] {
        auto processor = std::make_unique<SentencePieceProcessor>();
        const auto status = processor->LoadFromSerializedProto({content->data ? content->data : "", content->size});
        if (!status.ok())
            return grus_fail(error, GRUS_E_MODEL, path, nullptr, "is not a model of SentencePiece: %s",
                             status.code() == sentencepiece::util::StatusCode::kInternal ? "it cannot be parsed"
                                                                                         : status.error_message());
        tokenizer->size = static_cast<size_t>(processor->GetPieceSize());
        tokenizer->unk = static_cast<uint32_t>(processor->unk_id());
        tokenizer->own = processor.release();
        return GRUS_OK;
    });
}

static grus_status open_model(grus_tokenizer *tokenizer, const char *dir, const grus_tokenizer_config *config,
                              grus_error *error)
{
    char *path = grus_path_join(dir, config->model);
    if (!path)
        return grus_fail_memory(error, strlen(dir) + strlen(config->model));
    grus_buffer content = {};
    grus_status status = grus_file_read(path, model_max, GRUS_E_MODEL, &content, error);
    if (status == GRUS_OK)
        status = load(tokenizer, path, &content, error);
    grus_buffer_free(&content);
    free(path);
    return status;
}

static void close_model(grus_tokenizer *tokenizer)
{
    delete processor_of(tokenizer);
}

// Bytes; most is that of grus_ids, 0 for any number.
static size_t longest_text(size_t most)
{
    return most && most <= SIZE_MAX / text_per_id ? most * text_per_id : SIZE_MAX;
}

static size_t memory(const grus_tokenizer *, size_t text_bytes, size_t most)
{
    const size_t bytes = std::min(text_bytes, longest_text(most));
    return bytes <= SIZE_MAX / memory_per_byte ? bytes * memory_per_byte : SIZE_MAX;
}

// Tells the texts of the unknown ones among the ids.
static void tell_unknown(const SentencePieceProcessor &processor, const char *text, size_t length,
                         const std::vector<int> &found, grus_ids *ids)
{
    if (!ids->unknown || std::find(found.begin(), found.end(), processor.unk_id()) == found.end())
        return;
    std::vector<std::string> pieces;
    const bool told = processor.Encode({text, length}, &pieces).ok() && pieces.size() == found.size();
    for (size_t i = 0; i < found.size() && (ids->most == 0 || i < ids->most); i++)
        if (found[i] == processor.unk_id())
            grus_ids_tell_unknown(ids, told ? pieces[i].data() : "", told ? pieces[i].size() : GRUS_UNKNOWN_MOST + 1);
}

static grus_status encode(const grus_tokenizer *tokenizer, const char *text, size_t length, grus_ids *ids,
                          grus_error *error)
{
    if (length > longest_text(ids->most))
        return grus_fail(error, GRUS_E_FAILED, nullptr, "too_long",
                         "a text of %zu bytes is too long for SentencePiece, which is given %zu at most", length,
                         longest_text(ids->most));
    return guarded(GRUS_E_FAILED, nullptr, "sentencepiece", length, error, [&] {
        std::vector<int> found;
        const auto status = processor_of(tokenizer)->Encode({text, length}, &found);
        if (!status.ok())
            return grus_fail(error, GRUS_E_FAILED, nullptr, "sentencepiece", "SentencePiece refuses the text: %s",
                             status.error_message());
        tell_unknown(*processor_of(tokenizer), text, length, found, ids);
        for (const int id : found)
            if (!grus_ids_append(ids, static_cast<uint32_t>(id)))
                return grus_fail_memory(error, ids->size);
        return GRUS_OK;
    });
}

static const std::string space = "\xE2\x96\x81"; // U+2581, which stands for one

// A text in a piece's place: what is no piece of the model is written as it is, with its spaces.
static std::string piece_of(const SentencePieceProcessor &processor, std::string text, bool first)
{
    if (!processor.IsUnknown(processor.PieceToId(text)))
        return text;
    for (size_t at = 0; (at = text.find(space, at)) != std::string::npos;)
        text.replace(at, space.size(), first && at == 0 ? "" : " ");
    return text;
}

static void decode(const grus_tokenizer *tokenizer, const grus_tokens *tokens, grus_buffer *text)
{
    grus_error ignored;
    const SentencePieceProcessor &processor = *processor_of(tokenizer);
    const grus_status status = guarded(GRUS_E_FAILED, nullptr, nullptr, tokens->n, &ignored, [&] {
        std::vector<std::string> pieces;
        for (size_t i = 0; i < tokens->n; i++)
            if (tokens->texts && tokens->texts[i].data)
                pieces.push_back(piece_of(processor, {tokens->texts[i].data, tokens->texts[i].length}, pieces.empty()));
            else if (tokens->ids[i] < tokenizer->size)
                pieces.push_back(processor.IdToPiece(static_cast<int>(tokens->ids[i])));
        std::string decoded;
        if (processor.Decode(pieces, &decoded).ok())
            grus_buffer_append(text, decoded.data(), decoded.size());
        return GRUS_OK;
    });
    text->failed = text->failed || status;
}

// A piece that the model lacks has the id of <unk> there, so the way back is tried too.
static uint32_t special(const grus_tokenizer *tokenizer, const char *token)
{
    grus_error ignored;
    uint32_t found = GRUS_NO_ID;
    guarded(GRUS_E_FAILED, nullptr, nullptr, strlen(token), &ignored, [&] {
        const SentencePieceProcessor *processor = processor_of(tokenizer);
        const int id = processor->PieceToId(token);
        if (id >= 0 && id < processor->GetPieceSize() && processor->IdToPiece(id) == token)
            found = static_cast<uint32_t>(id);
        return GRUS_OK;
    });
    return found;
}

static void append_token(const grus_tokenizer *tokenizer, uint32_t id, grus_buffer *text)
{
    grus_error ignored;
    const grus_status status = guarded(GRUS_E_FAILED, nullptr, nullptr, 0, &ignored, [&] {
        const std::string piece = id < tokenizer->size ? processor_of(tokenizer)->IdToPiece(static_cast<int>(id)) : "";
        grus_buffer_append(text, piece.data(), piece.size());
        return GRUS_OK;
    });
    text->failed = text->failed || status;
}

const grus_tokenizer_type grus_tokenizer_sentencepiece = {
    false, open_model, close_model, encode, decode, special, "a piece of the model", append_token, memory,
};
