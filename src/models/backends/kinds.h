// The kinds of engines there are; each is defined in its own file here.
#pragma once

namespace studio {

class EngineKind;

const EngineKind& llama_server_kind();
const EngineKind& openai_kind();
const EngineKind& vllm_kind();
const EngineKind& compose_kind();

}  // namespace studio
