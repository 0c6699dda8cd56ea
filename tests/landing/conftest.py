from source_databases import billing_only, crm_only, erp_only, make_source

__all__ = ["billing_only", "crm_only", "erp_only", "make_source"]
