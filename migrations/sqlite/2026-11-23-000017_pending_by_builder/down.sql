DROP INDEX build_requests_pending;
