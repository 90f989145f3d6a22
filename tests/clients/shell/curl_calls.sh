#!/usr/bin/env bash
# What the documentation tells people to try: curl.
set -euo pipefail

json='content-type: application/json'
ask='{"model":"gpt-4o-mini","messages":[{"role":"user","content":"What is the capital of Norway?"}]}'

# Headers beyond those of a direct call to the provider, and those of the API, one a line.
given=() api=()
while IFS= read -r line; do [ -z "$line" ] || given+=(-H "$line"); done <<<"${CURL_HEADERS:-}"
while IFS= read -r line; do [ -z "$line" ] || api+=(-H "$line"); done <<<"${CURL_API_HEADERS:-}"

# Calls, and prints status and body of the answer as JSON.
answer_of() {
    local answer
    answer=$(curl -sS -w '\n%{http_code}' -H "$json" "$@")
    echo '{"status":'"${answer##*$'\n'}"',"body":'"${answer%$'\n'*}"'}'
}

case $1 in
    chat)
        curl -sS --fail-with-body "$TRACEWAY_PROXY_URL/v1/chat/completions" \
            -H 'authorization: Bearer sk-test' -H "$json" "${given[@]}" -d "$ask" ;;
    rest)
        # An application that tells of a call by itself.
        trace=$(curl -sS --fail-with-body "$TRACEWAY_URL/api/traces" -H "$json" "${api[@]}" \
            -d '{"name":"curl","tags":["session_id:curl-session"]}' | sed -E 's/.*"id":"([^"]+)".*/\1/')
        span=$(curl -sS --fail-with-body "$TRACEWAY_URL/api/spans" -H "$json" "${api[@]}" \
            -d '{"trace_id":"'"$trace"'","name":"ask","kind":{"type":"llm_call","model":"gpt-4o-mini","provider":"openai"},"input":{"question":"?"}}' |
            sed -E 's/.*"id":"([^"]+)","trace_id".*/\1/')
        curl -sS --fail-with-body "$TRACEWAY_URL/api/spans/$span/complete" -H "$json" "${api[@]}" -o /dev/null \
            -d '{"output":"!","kind":{"type":"llm_call","model":"gpt-4o-mini","input_tokens":1000,"output_tokens":100}}'
        echo '{"trace_id":"'"$trace"'","span_id":"'"$span"'"}' ;;
    otlp)
        now=$(date +%s)
        curl -sS --fail-with-body "$TRACEWAY_URL/v1/traces" -H "$json" "${api[@]}" -o /dev/null -d '{"resourceSpans":[{"scopeSpans":[{"spans":[
            {"traceId":"'"$2"'","spanId":"00f067aa0ba902b7","name":"chat gpt-4o-mini","kind":3,
             "startTimeUnixNano":"'"$now"'000000000","endTimeUnixNano":"'"$now"'500000000","status":{},
             "attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o-mini"}},
                           {"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},
                           {"key":"gen_ai.usage.input_tokens","value":{"intValue":"1000"}},
                           {"key":"gen_ai.usage.output_tokens","value":{"intValue":"100"}}]}]}]}]}'
        echo '{"trace_id":"'"$2"'"}' ;;
    refused)
        # The proxy, REST and OTLP, where the server refuses.
        called=$(answer_of "$TRACEWAY_PROXY_URL/v1/chat/completions" -H 'authorization: Bearer sk-test' "${given[@]}" -d "$ask")
        told=$(answer_of "$TRACEWAY_URL/api/traces" "${api[@]}" -d '{"name":"curl"}')
        exported=$(answer_of "$TRACEWAY_URL/v1/traces" "${api[@]}" -d '{"resourceSpans":[]}')
        echo "[$called,$told,$exported]" ;;
    complete)
        # Ends a span that may be somebody else's.
        answer_of "$TRACEWAY_URL/api/spans/$2/complete" "${api[@]}" -d '{"output":"not mine"}' ;;
esac
