// Node-API side of the flow table: see src/native/flow.ts.
#include "flow.h"

#include "node/args.h"
#include "node/parts.h"

namespace potemkin {

namespace {

uint32_t TakeSeconds(const Napi::Value& value, const char* name) {
  return static_cast<uint32_t>(TakeInteger(value, name, 0xffffffff));
}

// The tables of a call, borrowed and locked until it returns.
struct Borrowed {
  Table flowTable, fragmentTable;
  Flows flows;

  Borrowed(const Napi::Value& flows, const Napi::Value& fragments)
      : flowTable(BorrowBytes(flows, "flows")),
        fragmentTable(BorrowBytes(fragments, "fragments")),
        flows(flowTable, fragmentTable) {}
};

Napi::Value Configure(const Napi::CallbackInfo& info) {
  Table table(BorrowBytes(info[0], "flows"));
  Flows::configure(table, {TakeSeconds(info[1], "tcpEstablished"), TakeSeconds(info[2], "tcpTransitory"),
                           TakeSeconds(info[3], "udp"), TakeSeconds(info[4], "icmp")});
  return info.Env().Undefined();
}

template <void (Flows::*classify)(const Packets&, std::span<const uint16_t>, uint32_t, Disposition*)>
Napi::Value Classify(const Napi::CallbackInfo& info) {
  Borrowed tables(info[0], info[1]);
  const Packets packets = BorrowPackets(info[2]);
  const auto rows = BorrowRows(packets, info[3], info[4]);
  const auto dispositions = BorrowArray<uint8_t>(info[6], "dispositions", napi_uint8_array);
  if (dispositions.size() < rows.size())
    throw Napi::RangeError::New(info.Env(), "dispositions has fewer than n places");
  CheckApart(info.Env(), std::as_bytes(dispositions), std::as_bytes(rows), "dispositions");
  // SAFETY: Disposition is an enumeration of uint8_t, and there is one for each row.
  (tables.flows.*classify)(packets, rows, TakeSeconds(info[5], "now"),
                           reinterpret_cast<Disposition*>(dispositions.data()));
  return info.Env().Undefined();
}

Napi::Value Settle(const Napi::CallbackInfo& info) {
  Borrowed tables(info[0], info[1]);
  const Packets packets = BorrowPackets(info[2]);
  return Napi::Number::New(info.Env(), tables.flows.settle(packets, BorrowRows(packets, info[3], info[4])));
}

Napi::Value Sweep(const Napi::CallbackInfo& info) {
  Borrowed tables(info[0], info[1]);
  const auto budget = static_cast<uint32_t>(TakeInteger(info[3], "budget", 0xffffffff));
  return Napi::Number::New(info.Env(), tables.flows.sweep(TakeSeconds(info[2], "now"), budget));
}

Napi::Value Count(const Napi::CallbackInfo& info) {
  const Borrowed tables(info[0], info[1]);
  const FlowCounts counts = tables.flows.count();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("pending", counts.pending);
  result.Set("tcpOpening", counts.tcpOpening);
  result.Set("tcpOpen", counts.tcpOpen);
  result.Set("tcpClosing", counts.tcpClosing);
  result.Set("tcpClosed", counts.tcpClosed);
  result.Set("udp", counts.udp);
  result.Set("icmp", counts.icmp);
  return result;
}

}  // namespace

void InitFlow(Napi::Env env, Napi::Object exports) {
  exports.Set("flowConfigure", Napi::Function::New<Translated<Configure>>(env, "flowConfigure"));
  exports.Set("flowOutside", Napi::Function::New<Translated<Classify<&Flows::outside>>>(env, "flowOutside"));
  exports.Set("flowInside", Napi::Function::New<Translated<Classify<&Flows::inside>>>(env, "flowInside"));
  exports.Set("flowSettle", Napi::Function::New<Translated<Settle>>(env, "flowSettle"));
  exports.Set("flowSweep", Napi::Function::New<Translated<Sweep>>(env, "flowSweep"));
  exports.Set("flowCount", Napi::Function::New<Translated<Count>>(env, "flowCount"));
}

}  // namespace potemkin
